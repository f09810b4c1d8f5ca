"""An S3 API as object store: Cloudflare R2, MinIO, S3."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.session import Session as CoreSession
from urllib3.exceptions import HTTPError

from lomi_ops.clients.objects.keys import Buckets, ObjectMissing, check_key, shown, too_large
from lomi_ops.clients.objects.store import StoredObject
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import ObjectsUnavailable

_CHUNK = 1 << 18
RETRIES = 3
"""After the first try, by botocore's standard mode: connection errors, 5xx and throttling, with backoff."""

_HINTS = {
    "AccessDenied": "the key must be allowed to get, put, list and delete in this bucket",
    "AllAccessDisabled": "the key must be allowed to get, put, list and delete in this bucket",
    "Forbidden": "the key must be allowed to get, put, list and delete in this bucket",
    "403": "check objects.access_key, objects.secret_key and the rights of the key",
    "Unauthorized": "check objects.access_key and objects.secret_key",
    "InvalidAccessKeyId": "check objects.access_key",
    "SignatureDoesNotMatch": "check objects.secret_key",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "NoSuchBucket": "check objects.bucket_photos and objects.endpoint",
    "NotImplemented": "the store does not know a header of the request",
}
_NO_ANSWER = (BotoCoreError, ResponseParserError, HTTPError)
_MISSING = ("NoSuchKey", "404", "NotFound")
# The operator's own AWS files and variables describe other accounts; only our settings count.
_OWN_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "region": (None, None, None, None),
}


class S3Store:
    """Implements ObjectStore. One client per process, made at its first use: a client must not cross a fork."""

    def __init__(self, section: ObjectsSection, endpoint: str, buckets: Buckets, *, retries: int = RETRIES) -> None:
        self._section = section
        self._endpoint = endpoint
        self._buckets = buckets
        self._retries = retries
        self._lock = threading.Lock()
        self._made: Any = None
        self._inherited: Any = None
        os.register_at_fork(after_in_child=self._forget)

    def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self._check(bucket, key)
        with self._blamed(bucket, key):
            answer = self._client().get_object(Bucket=bucket, Key=key)
            body, announced = answer["Body"], answer.get("ContentLength")
            try:
                if announced is not None and announced > max_bytes:
                    raise too_large(bucket, key, announced, max_bytes)
                data = _read(body, max_bytes)
            finally:
                # Before the end this drops the connection, so that nobody downloads the rest.
                body.close()
        if len(data) > max_bytes:
            raise too_large(bucket, key, None, max_bytes)
        if announced is not None and len(data) < announced:
            raise ObjectsUnavailable(f"{self.describe()} sent {len(data)} of {announced} bytes of {shown(key)}")
        return data

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        self._check(bucket, key)
        with self._blamed(bucket, key):
            self._client().put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)

    def size(self, bucket: str, key: str) -> int | None:
        self._check(bucket, key)
        try:
            with self._blamed(bucket, key):
                return int(self._client().head_object(Bucket=bucket, Key=key)["ContentLength"])
        except ObjectMissing:
            return None

    def delete(self, bucket: str, key: str) -> None:
        self._check(bucket, key)
        try:
            with self._blamed(bucket, key):
                self._client().delete_object(Bucket=bucket, Key=key)
        except ObjectMissing:
            return

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        self._buckets.check(bucket)
        with self._blamed(bucket, prefix):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                for item in page.get("Contents", ()):
                    yield StoredObject(item["Key"], item["Size"])

    def url(self, bucket: str, key: str) -> str:
        return f"{self._endpoint}/{bucket}/{quote(key)}"

    def describe(self) -> str:
        return f"the object store at {urlsplit(self._endpoint).netloc}"

    def checksums(self) -> dict[str, str]:
        """What the client in use does about checksums, by botocore's names."""
        config = self._client().meta.config
        names = ("request_checksum_calculation", "response_checksum_validation")
        return {name: str(getattr(config, name)) for name in names}

    def close(self) -> None:
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _check(self, bucket: str, key: str) -> None:
        self._buckets.check(bucket)
        check_key(key)

    def _forget(self) -> None:
        # In a child nobody is left who could release the parent's locks: so a new lock of our own, and the parent's
        # client is kept, since its finalizer takes locks of its connection pool.
        self._lock = threading.Lock()
        self._inherited, self._made = self._made, None

    def _client(self) -> Any:
        """The process's client. Making two at once is what boto3 cannot do, so there is a lock."""
        with self._lock:
            if self._made is None:
                self._made = make_client(self._section, self._endpoint, self._retries)
            return self._made

    @contextmanager
    def _blamed(self, bucket: str, key: str) -> Iterator[None]:
        """Sorts boto's errors. Their texts may hold what a server made up, so ours are our own."""
        try:
            yield
        except ClientError as error:
            raise self._named(error, bucket, key) from error
        except _NO_ANSWER as error:
            raise self._silent(error) from error

    def _named(self, error: ClientError, bucket: str, key: str) -> Exception:
        code, status = _code(error)
        if code == "NoSuchKey" or (code in _MISSING and self._has_bucket(bucket)):
            return ObjectMissing(f"{shown(key)} is not in {bucket}")
        if code in _MISSING:
            code = "NoSuchBucket"
        text = f"{self.describe()} refused {error.operation_name} in {bucket}: {code} (HTTP {status})"
        return ObjectsUnavailable(text, hint=_HINTS.get(code, ""))

    def _silent(self, error: Exception) -> ObjectsUnavailable:
        # The class says enough (EndpointConnectionError, ReadTimeoutError, IncompleteReadError ...).
        text = f"{self.describe()} gave no usable answer: {type(error).__name__}"
        return ObjectsUnavailable(text, hint="check objects.endpoint and the network")

    def _has_bucket(self, bucket: str) -> bool:
        """Tells the two kinds of a 404 apart that carries no code: HEAD has no body."""
        try:
            self._client().head_bucket(Bucket=bucket)
        except ClientError as error:
            # Whoever may not ask about the bucket (403) at least got past its name.
            return _code(error)[1] != 404
        except _NO_ANSWER as error:
            raise self._silent(error) from error
        return True


def make_client(section: ObjectsSection, endpoint: str, retries: int = RETRIES) -> Any:
    """A boto3 S3 client with the settings that R2 needs, and nothing from the environment of AWS tools.

    Newer botocore adds CRC32 trailers unless told `when_required`; R2 answers those with 501. `proxies={}` keeps
    HTTP_PROXY and friends away from the store.
    """
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=section.connections,
        connect_timeout=section.connect_timeout_s,
        read_timeout=section.read_timeout_s,
        retries={"mode": "standard", "max_attempts": retries},
        s3={"addressing_style": "path"},
        proxies={},
        use_dualstack_endpoint=False,
        use_fips_endpoint=False,
    )
    session = Session(botocore_session=CoreSession(session_vars=_OWN_SETTINGS))
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=section.region,
        aws_access_key_id=section.access_key.get_secret_value() if section.access_key else None,
        aws_secret_access_key=section.secret_key.get_secret_value() if section.secret_key else None,
        config=config,
    )


def _read(body: Any, max_bytes: int) -> bytes:
    """At most `max_bytes` and one byte; what a server announces is not believed."""
    data = bytearray()
    while len(data) <= max_bytes and (chunk := body.read(min(_CHUNK, max_bytes + 1 - len(data)))):
        data += chunk
    return bytes(data)


def _code(error: ClientError) -> tuple[str, int]:
    """S3's error code in letters that can be shown, and the HTTP status."""
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return (code if code.isalnum() and len(code) <= 40 else "unknown error"), status
