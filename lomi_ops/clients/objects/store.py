"""What every object store can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: str
    size: int
    """Bytes."""


class ObjectStore(Protocol):
    """Bytes by bucket and key. Safe to share between threads, and to use in a child after fork.

    Every method raises JobError (`bucket_not_allowed`) for a foreign bucket, BadKey for a key that can name no
    object, and ObjectsUnavailable for whatever is the operator's or the weather's: no answer, an answer of 5xx,
    wrong credentials, no such bucket, a body shorter than announced.
    """

    def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """The whole object.

        Raises ObjectMissing, and PhotoError (`too_large`) for more than `max_bytes`, of which no more than
        `max_bytes` and one chunk are ever read.
        """
        ...

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Writes or replaces the object in one step: a reader sees the old bytes or the new ones."""
        ...

    def size(self, bucket: str, key: str) -> int | None:
        """Bytes; None where there is no such object."""
        ...

    def delete(self, bucket: str, key: str) -> None:
        """Removes the object; one that is not there is no error."""
        ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose key starts with the prefix, by key."""
        ...

    def url(self, bucket: str, key: str) -> str:
        """Where the object lies, for people. Not signed; S3 answers it with 403."""
        ...

    def describe(self) -> str:
        """The store itself, for people; no secret."""
        ...

    def close(self) -> None:
        """Gives connections back. A later call opens new ones."""
        ...
