"""Which buckets and keys are taken at all, and the errors that say no. Pure: nothing is fetched for a bad name."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import JobError, PhotoError

MAX_KEY_BYTES = 1024
"""UTF-8 bytes, the limit of S3 and R2."""
BUCKET_NOT_ALLOWED = "bucket_not_allowed"
"""`JobError.code` of a job that names a foreign bucket."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_SHOWN = 80


class ObjectMissing(PhotoError):
    """The store answered, and has no such object. `code` is `object_missing`."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, code=FailureCode.OBJECT_MISSING.value, hint=hint)


class BadKey(ObjectMissing):
    """The key can name no object; the store was not asked."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets that a job may name."""

    configured: frozenset[str]
    others: bool = False
    """True takes any other well-formed name as well."""

    def check(self, bucket: str) -> None:
        """Raises JobError with code `bucket_not_allowed`."""
        if bucket in self.configured:
            return
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise JobError(f"{shown(bucket)} is not a bucket name", code=BUCKET_NOT_ALLOWED)
        if not self.others:
            raise JobError(
                f"bucket {shown(bucket)} is not one of ours",
                code=BUCKET_NOT_ALLOWED,
                hint="name it in objects.extra_buckets if jobs may use it",
            )


def check_key(key: str) -> None:
    """Raises BadKey unless the key names the same one object in every store.

    A key is 1-1024 UTF-8 bytes of parts joined by `/`, without control characters, backslashes and the parts
    that a file system or an HTTP library would resolve (empty, `.`, `..`).
    """
    if reason := _fault(key):
        raise BadKey(f"the key {shown(key)} {reason}")


def too_large(bucket: str, key: str, size: int | None, limit: int) -> PhotoError:
    """`size` in bytes, None where the store did not tell it."""
    has = "more" if size is None else f"{size:,} bytes"
    text = f"{shown(key)} in {bucket} has {has}, the limit is {limit:,} bytes"
    return PhotoError(text, code=FailureCode.TOO_LARGE.value, hint="images.max_bytes is the limit")


def shown(name: str) -> str:
    """A name from outside, quoted, escaped and cut for a message."""
    return ascii(name if len(name) <= _SHOWN else name[: _SHOWN - 3] + "...")


def _fault(key: str) -> str:
    if not key:
        return "is empty"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if length > MAX_KEY_BYTES:
        return f"has {length} bytes, more than {MAX_KEY_BYTES}"
    if any(unicodedata.category(char) == "Cc" for char in key):
        return "has a control character"
    if "\\" in key:
        return "has a backslash"
    parts = key.split("/")
    if ".." in parts:
        return "has a part '..'"
    if "." in parts:
        return "has a part '.'"
    if "" in parts:
        return "starts or ends with '/' or has '//'"
    return ""
