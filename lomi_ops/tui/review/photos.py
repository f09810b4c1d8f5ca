"""Photos for the screen: their bytes are fetched here, and decoded and drawn elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from lomi_ops.clients.objects import BadKey, ObjectMissing
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.errors import LomiError, PhotoError, Transient
from lomi_ops.tui.review.plate import BROKEN, Plate, Unseen, Wish

if TYPE_CHECKING:
    from lomi_ops.clients.objects import ObjectStore

Answer = TypeVar("Answer")


class Developing(Protocol):
    """`developing.Developer`, here or in another process. None: it has not got the photo."""

    def take(self, key: str, data: bytes) -> None: ...

    def plate(self, wish: Wish) -> Plate | Unseen | None: ...

    def known(self, key: str) -> bool | None: ...

    def looks(self, key: str) -> Fingerprint | Unseen | None: ...

    def close(self) -> None: ...


class Photos:
    """As safe to share between threads as its developer. Nothing raises: what is wrong with a photo is said in its
    place."""

    def __init__(self, store: ObjectStore, bucket: str, most_bytes: int, developer: Developing) -> None:
        self._store, self._bucket, self._most_bytes, self._developer = store, bucket, most_bytes, developer

    def plate(self, wish: Wish) -> Plate | Unseen:
        return self._about(wish.key, lambda: self._developer.plate(wish))

    def fetch(self, key: str) -> None:
        """Has a photo here before it is asked for."""
        self._about(key, lambda: self._developer.known(key))

    def looks(self, key: str) -> Fingerprint | None:
        """What a photo looks like; None where that cannot be told."""
        found = self._about(key, lambda: self._developer.looks(key))
        return found if isinstance(found, Fingerprint) else None

    def close(self) -> None:
        self._developer.close()

    def _about(self, key: str, ask: Callable[[], Answer | None]) -> Answer | Unseen:
        if (found := ask()) is not None:
            return found
        if isinstance(data := self._bytes(key), Unseen):
            return data
        self._developer.take(key, data)
        return found if (found := ask()) is not None else BROKEN

    def _bytes(self, key: str) -> bytes | Unseen:
        try:
            return self._store.get(self._bucket, key, self._most_bytes)
        except ObjectMissing:
            return Unseen("the photo is gone", f"there is no object {key} in {self._bucket}")
        except BadKey as odd:
            return Unseen("no photo has such a key", odd.message)
        except PhotoError as broken:
            return Unseen(f"this cannot be shown: {broken.code}", f"the file {broken.message}")
        except Transient as weather:
            return Unseen("the object store does not answer", weather.message, passing=True)
        except LomiError as other:
            return Unseen("this cannot be shown", other.message)
