"""Proof that a store works: write, read back, remove."""

from __future__ import annotations

from lomi_ops.clients.objects.keys import ObjectMissing
from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.errors import ObjectsUnavailable

PREFIX = "lomi-canary/"


def check_canary(store: ObjectStore, bucket: str, token: str) -> None:
    """Puts, gets and deletes one small object; `token` makes its key unique.

    Raises ObjectsUnavailable where one of the three fails or the bytes come back changed. The object is removed
    even if it cannot be read back.
    """
    key, data = PREFIX + token, f"lomi canary {token}\n".encode()
    store.put(bucket, key, data, "text/plain")
    try:
        returned = store.get(bucket, key, 64 * 1024)
    except ObjectMissing as error:
        raise ObjectsUnavailable(f"{store.describe()} took an object in {bucket} and does not have it") from error
    finally:
        store.delete(bucket, key)
    if returned != data:
        raise ObjectsUnavailable(f"{store.describe()} gave other bytes back than it was given in {bucket}")
    if store.size(bucket, key) is not None:
        raise ObjectsUnavailable(f"{store.describe()} still has a deleted object in {bucket}")
