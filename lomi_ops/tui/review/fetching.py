"""The bytes of photos, or why they cannot be had."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.clients.objects import BadKey, ObjectMissing, ObjectStore
from lomi_ops.errors import LomiError, PhotoError, Transient
from lomi_ops.tui.review.plate import Unseen


@dataclass(frozen=True, slots=True)
class Fetching:
    """From the bucket of photos. Safe to share between threads as its store."""

    store: ObjectStore
    bucket: str
    most_bytes: int

    def get(self, key: str) -> bytes | Unseen:
        """Never raises: what is wrong with a photo is said in its place."""
        try:
            return self.store.get(self.bucket, key, self.most_bytes)
        except ObjectMissing as missing:
            if isinstance(missing, BadKey):
                return Unseen("no photo has such a key", missing.message)
            return Unseen("the photo is gone", f"there is no object {key} in {self.bucket}")
        except PhotoError as broken:
            return Unseen(f"this cannot be shown: {broken.code}", f"the file {broken.message}")
        except Transient as weather:
            return Unseen("the object store does not answer", weather.message, passing=True)
        except LomiError as other:
            return Unseen("this cannot be shown", other.message)
