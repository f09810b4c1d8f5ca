"""Large files in a bucket: written and read as streams, in parts, so that neither memory nor disk has to hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lomi_ops.clients.objects.keys import ObjectMissing
from lomi_ops.clients.objects.s3 import S3Store
from lomi_ops.errors import ObjectsUnavailable

PART_BYTES = 32 * 1024 * 1024
"""Of one part, the last one may be smaller: R2 wants all others alike. S3 allows 10,000 parts, 320 GB then."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class DatedObject:
    key: str
    size: int
    """Bytes."""
    modified: datetime
    """Aware."""


class S3Files(S3Store):
    """An S3Store for backups. Raises what that raises."""

    def put_stream(self, bucket: str, key: str, chunks: Iterable[bytes]) -> None:
        """Writes the object in one step at the end: until then there is none of this name. What `chunks` raises ends
        the upload without a trace."""
        self._check(bucket, key)
        pieces = _pieces(chunks)
        first, second = next(pieces, b""), next(pieces, None)
        if second is None:
            self.put(bucket, key, first)
            return
        with self._blamed(bucket, key):
            upload = str(self._client().create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
        try:
            parts = [
                self._put_part(bucket, key, upload, number, piece)
                for number, piece in enumerate(_chained(first, second, pieces), start=1)
            ]
            with self._blamed(bucket, key):
                self._client().complete_multipart_upload(
                    Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
                )
        except BaseException:
            with suppress(ObjectsUnavailable, ObjectMissing):
                self._abort(bucket, key, upload)
            raise

    def get_stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """Raises ObjectsUnavailable in the middle where the rest does not come."""
        self._check(bucket, key)
        with self._blamed(bucket, key):
            body = self._client().get_object(Bucket=bucket, Key=key)["Body"]
            try:
                while chunk := body.read(_CHUNK):
                    yield chunk
            finally:
                body.close()

    def latest(self, bucket: str, prefix: str) -> DatedObject | None:
        """The object below a prefix that was written last."""
        self._buckets.check(bucket)
        found: DatedObject | None = None
        with self._blamed(bucket, prefix):
            for page in self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    if found is None or item["LastModified"] > found.modified:
                        found = DatedObject(item["Key"], item["Size"], item["LastModified"])
        return found

    def dated(self, bucket: str, key: str) -> DatedObject | None:
        """One object; None where there is none."""
        self._check(bucket, key)
        try:
            with self._blamed(bucket, key):
                head = self._client().head_object(Bucket=bucket, Key=key)
        except ObjectMissing:
            return None
        return DatedObject(key, int(head["ContentLength"]), head["LastModified"])

    def abandon_uploads(self, bucket: str, prefix: str) -> int:
        """Ends uploads below a prefix that nobody goes on with; how many. Their parts are invisible, and cost money."""
        self._buckets.check(bucket)
        with self._blamed(bucket, prefix):
            pages = self._client().get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
            found = [(item["Key"], item["UploadId"]) for page in pages for item in page.get("Uploads", ())]
        for key, upload in found:
            self._abort(bucket, key, upload)
        return len(found)

    def _put_part(self, bucket: str, key: str, upload: str, number: int, piece: bytes) -> dict[str, Any]:
        with self._blamed(bucket, key):
            answer = self._client().upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=piece)
        return {"ETag": answer["ETag"], "PartNumber": number}

    def _abort(self, bucket: str, key: str, upload: str) -> None:
        with self._blamed(bucket, key):
            self._client().abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)

    def _named(self, error: ClientError, bucket: str, key: str) -> Exception:
        found = super()._named(error, bucket, key)
        if isinstance(found, ObjectsUnavailable) and "bucket_photos" in found.hint:
            found.hint = "check the name of the bucket, and objects.endpoint"
        return found


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of PART_BYTES, but for the last one."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
    if waiting:
        yield bytes(waiting)


def _chained(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest
