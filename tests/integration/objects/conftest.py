"""Object stores to test against: a directory, and moto's S3 server that refuses what R2 refuses."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.clients.objects.opening import allowed_buckets, endpoint_url
from lomi_ops.clients.objects.s3 import S3Store, make_client
from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.config.sections.services import ObjectsSection
from tests.chaos.servers import empty_s3

ACCESS_KEY, SECRET_KEY, BUCKET = "AKIDEXAMPLE", "s3cr3t-of-the-tests", "lomi-photos"
Start = Callable[..., Any]


@dataclass
class LikeR2:
    """WSGI middleware: 501 for checksums and aws-chunked, as R2 answers; 403 for a foreign access key."""

    app: Callable[[dict[str, Any], Start], Iterable[bytes]]
    refused: list[str] = field(default_factory=list)
    answer: tuple[str, str] | None = None
    """HTTP status line and S3 code to answer everything with, e.g. ("503 Slow Down", "SlowDown")."""
    to_strangers: tuple[str, str] | None = ("403 Forbidden", "AccessDenied")
    """The same for requests that nobody has signed; None: the bucket is public."""
    read_only: bool = False
    """The key may not write."""
    photos_to_strangers: bool = False
    """Whoever knows an object's name may read it; the list is closed as `to_strangers` says."""

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if self.answer:
            return self._error(start, *self.answer)
        chunked = "aws-chunked" in environ.get("HTTP_CONTENT_ENCODING", "")
        chunked = chunked or "TRAILER" in environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").upper()
        sums = [name for name in environ if name.startswith(("HTTP_X_AMZ_CHECKSUM_", "HTTP_X_AMZ_SDK_CHECKSUM_"))]
        if chunked or sums or "HTTP_X_AMZ_TRAILER" in environ:
            self.refused.append(environ["REQUEST_METHOD"])
            return self._error(start, "501 Not Implemented", "NotImplemented")
        if "HTTP_AUTHORIZATION" not in environ:
            if self.photos_to_strangers and environ["PATH_INFO"].strip("/").count("/"):
                start("200 OK", [("Content-Length", "0")])
                return []
            return self._error(start, *self.to_strangers) if self.to_strangers else self.app(environ, start)
        credential = re.search(r"Credential=([^/]+)/", environ["HTTP_AUTHORIZATION"])
        if not credential or credential[1] != ACCESS_KEY:
            return self._error(start, "403 Forbidden", "InvalidAccessKeyId")
        if self.read_only and environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._error(start, "403 Forbidden", "AccessDenied")
        return self.app(environ, start)

    def _error(self, start: Start, status: str, code: str) -> Iterable[bytes]:
        body = f"<Error><Code>{code}</Code><Message>no, {SECRET_KEY}</Message></Error>".encode()
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]


@dataclass
class S3Server:
    url: str
    gate: LikeR2

    def section(self, **changes: Any) -> ObjectsSection:
        settings = {"endpoint": self.url, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY} | changes
        return ObjectsSection.model_validate(settings)

    def store(self, *, retries: int = 0, **changes: Any) -> S3Store:
        return open_s3(self.section(**changes), retries)


def open_s3(section: ObjectsSection, retries: int = 0) -> S3Store:
    """As `open_store` does, with fewer retries: their pauses are seconds."""
    return S3Store(section, endpoint_url(section), allowed_buckets(section), retries=retries)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    wsgi = server._server
    assert wsgi is not None
    gate = LikeR2(wsgi.app)
    wsgi.app = gate
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", gate)
    server.stop()
    wsgi.server_close()


@pytest.fixture
def s3(s3_server: S3Server) -> Iterator[S3Server]:
    """The server with an empty bucket of ours."""
    s3_server.gate.refused.clear()
    empty_s3()
    section = s3_server.section()
    client = make_client(section, endpoint_url(section))
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "auto"})
    yield s3_server
    s3_server.gate.answer, s3_server.gate.read_only = None, False
    s3_server.gate.photos_to_strangers = False
    s3_server.gate.to_strangers = ("403 Forbidden", "AccessDenied")
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """An empty store of each kind."""
    if request.param == "directory":
        directory = DirectoryStore(tmp_path / "objects", Buckets(frozenset({BUCKET})))
        directory.ensure_bucket(BUCKET)
        yield directory
        return
    made = request.getfixturevalue("s3").store()
    yield made
    made.close()


@pytest.fixture
def token() -> str:
    return secrets.token_hex(4)
