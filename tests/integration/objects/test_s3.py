"""S3 through boto3 with the settings of R2, and every way in which the other side can let us down."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lomi_ops.clients.objects import ObjectMissing
from lomi_ops.clients.objects.s3 import S3Store, make_client
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import LomiError, ObjectsUnavailable, PhotoError
from tests import services
from tests.integration.objects.conftest import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, open_s3

LIMIT = 1 << 20
MIB = 1 << 20


@contextmanager
def closing(store: S3Store) -> Iterator[S3Store]:
    try:
        yield store
    finally:
        store.close()


def unavailable(store: S3Store, key: str = "a.jpg") -> ObjectsUnavailable:
    """What `get` raises; it may hold no secret."""
    with closing(store), pytest.raises(ObjectsUnavailable) as caught:
        store.get(BUCKET, key, LIMIT)
    said = caught.value.message + caught.value.hint
    assert SECRET_KEY not in said
    assert ACCESS_KEY not in said
    assert "\x1b" not in said
    return caught.value


def test_no_call_sends_what_r2_refuses(s3: S3Server) -> None:
    with closing(s3.store()) as store:
        store.put(BUCKET, "a.jpg", b"x", "image/jpeg")
        store.get(BUCKET, "a.jpg", LIMIT)
        store.size(BUCKET, "a.jpg")
        list(store.list(BUCKET))
        store.delete(BUCKET, "a.jpg")
    assert s3.gate.refused == []


def test_boto_as_it_comes_is_refused_by_the_same_server(s3: S3Server) -> None:
    """Proves that the test above can fail."""
    client = boto3.client(
        "s3", endpoint_url=s3.url, region_name="auto", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )  # fmt: skip
    with pytest.raises(ClientError, match="NotImplemented"):
        client.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"x")
    client.close()
    assert s3.gate.refused == ["PUT"]


def test_the_client_has_the_settings_of_r2() -> None:
    section = ObjectsSection(connections=7, connect_timeout_s=2, read_timeout_s=11)
    client = make_client(section.model_copy(update={}), "https://acc.r2.cloudflarestorage.com")
    config = client.meta.config
    assert client.meta.region_name == "auto"
    assert (config.request_checksum_calculation, config.response_checksum_validation) == ("when_required",) * 2
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (2, 11, 7)
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert config.s3["addressing_style"] == "path"
    assert config.signature_version == "s3v4"
    client.close()


def test_the_content_type_is_kept(s3: S3Server) -> None:
    with closing(s3.store()) as store:
        store.put(BUCKET, "a.jpg", b"x", "image/jpeg")
        assert store._client().head_object(Bucket=BUCKET, Key="a.jpg")["ContentType"] == "image/jpeg"


def test_the_environment_of_aws_tools_and_proxies_changes_nothing(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = us-east-9\ns3 =\n    addressing_style = virtual\n")
    dead = f"http://127.0.0.1:{services.free_port()}"
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, dead)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "foreign")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "foreign")
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    with closing(s3.store()) as store:
        store.put(BUCKET, "a.jpg", b"x")
        assert store.get(BUCKET, "a.jpg", LIMIT) == b"x"
    assert s3.gate.refused == []


def test_a_wrong_access_key_is_the_operators_fault(s3: S3Server) -> None:
    error = unavailable(s3.store(access_key="AKIDWRONG"))
    assert "InvalidAccessKeyId (HTTP 403)" in error.message
    assert "objects.access_key" in error.hint


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        ("403 Forbidden", "AccessDenied", "allowed"),
        ("403 Forbidden", "SignatureDoesNotMatch", "secret_key"),
        ("403 Forbidden", "RequestTimeTooSkewed", "clock"),
        ("401 Unauthorized", "Unauthorized", "access_key"),
        ("500 Internal Server Error", "InternalError", ""),
        ("503 Slow Down", "SlowDown", ""),
        ("404 Not Found", "NoSuchBucket", "bucket_photos"),
    ],
)
def test_a_refusal_is_never_blamed_on_the_photo(s3: S3Server, status: str, code: str, hint: str) -> None:
    s3.gate.answer = (status, code)
    error = unavailable(s3.store())
    assert code in error.message
    assert hint in error.hint


def test_a_code_that_a_server_made_up_is_not_repeated(s3: S3Server) -> None:
    s3.gate.answer = ("418 Teapot", "&lt;b&gt;")
    assert "unknown error (HTTP 418)" in unavailable(s3.store()).message


def test_a_missing_bucket_is_told_apart_from_a_missing_object(s3: S3Server) -> None:
    with closing(s3.store(extra_buckets=("old-photos",))) as store:
        for call in (store.get, store.size, store.put, store.delete):
            arguments = {"get": (LIMIT,), "put": (b"x",)}.get(call.__name__, ())
            with pytest.raises(ObjectsUnavailable, match="NoSuchBucket"):
                call("old-photos", "a.jpg", *arguments)
        with pytest.raises(ObjectsUnavailable, match="NoSuchBucket"):
            list(store.list("old-photos"))
        with pytest.raises(ObjectMissing):
            store.get(BUCKET, "a.jpg", LIMIT)
        assert store.size(BUCKET, "a.jpg") is None


def test_a_dead_endpoint_is_an_outage() -> None:
    section = ObjectsSection.model_validate(
        {"endpoint": f"http://127.0.0.1:{services.free_port()}", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    )
    error = unavailable(open_s3(section))
    assert "EndpointConnectionError" in error.message
    assert "objects.endpoint" in error.hint


class Wire(socketserver.ThreadingTCPServer):
    """Answers each request with a header and then a body that is `unit` `count` times; counts what it got rid of."""

    daemon_threads = True
    block_on_close = True

    def __init__(self, head: bytes, unit: bytes = b"", count: int = 0, *, hang: bool = False) -> None:
        self.head, self.unit, self.count, self.hang = head, unit, count, hang
        self.sent = 0
        self.connections = 0
        self.released = threading.Event()
        super().__init__(("127.0.0.1", 0), Answer)

    def store(self, **changes: object) -> S3Store:
        host, port = self.server_address[:2]
        values = {"endpoint": f"http://{host!s}:{port}", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        return open_s3(ObjectsSection.model_validate(values | changes))


class Answer(socketserver.StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        self.server.connections += 1
        while self.rfile.readline().strip():
            pass
        try:
            self.wfile.write(self.server.head + b"\r\n")
            for _ in range(self.server.count):
                self.server.sent += self.request.send(self.server.unit)
        except (BrokenPipeError, ConnectionResetError):
            return
        if self.server.hang:
            self.server.released.wait(20)


@contextmanager
def wire(head: bytes, unit: bytes = b"", count: int = 0, *, hang: bool = False) -> Iterator[Wire]:
    with Wire(head, unit, count, hang=hang) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"


def test_a_body_shorter_than_announced_is_an_outage() -> None:
    with wire(OK + b"Content-Length: 5000\r\n", b"x" * 100, 10) as server:
        assert "sent 1000 of 5000" in (text := unavailable(server.store()).message) or "gave no usable" in text


def test_an_announced_size_over_the_limit_stops_before_the_download() -> None:
    with wire(OK + b"Content-Length: 1073741824\r\n", b"x" * MIB, 1024) as server, closing(server.store()) as store:
        with pytest.raises(PhotoError, match="1,073,741,824 bytes") as caught:
            store.get(BUCKET, "a.jpg", LIMIT)
        assert caught.value.code == FailureCode.TOO_LARGE.value
    # What fits into the sockets' buffers may have left; far less than the object.
    assert server.sent < 64 * MIB


def test_a_body_without_a_size_is_read_no_further_than_the_limit() -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with wire(OK + b"Transfer-Encoding: chunked\r\n", chunk, 16 * 1024) as server, closing(server.store()) as store:
        with pytest.raises(PhotoError, match="has more, the limit is 1,048,576 bytes") as caught:
            store.get(BUCKET, "a.jpg", LIMIT)
        assert caught.value.code == FailureCode.TOO_LARGE.value
    assert server.sent < 64 * MIB


def test_a_body_longer_than_announced_never_becomes_the_next_object() -> None:
    head, surplus = OK + b"Content-Length: 3\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    with wire(head, b"abc" + surplus, 1) as server, closing(server.store()) as store:
        for _ in range(3):
            with suppress(ObjectsUnavailable):  # the spoilt connection may be noticed only at its next use
                assert store.get(BUCKET, "a.jpg", LIMIT) == b"abc"


def test_a_silent_server_is_an_outage_after_the_read_timeout() -> None:
    with wire(OK + b"Content-Length: 5000\r\n", b"x", 1, hang=True) as server:
        assert "ReadTimeoutError" in unavailable(server.store(read_timeout_s=0.3)).message


def test_a_server_that_speaks_something_else_is_an_outage() -> None:
    with wire(b"SSH-2.0-OpenSSH_9.2\r\n") as server:
        unavailable(server.store())


def test_a_web_page_is_no_list_of_objects() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
    with wire(head, b"<html>", 1) as server, closing(server.store()) as store, pytest.raises(ObjectsUnavailable):
        list(store.list(BUCKET))


def test_a_bare_404_asks_for_the_bucket_before_it_blames_the_photo() -> None:
    with wire(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n") as server:
        assert "NoSuchBucket" in unavailable(server.store()).message


FORKED = """
import os, sys
from lomi_ops.clients.objects import open_store
from lomi_ops.config.sections.services import ObjectsSection
store = open_store(ObjectsSection(endpoint=sys.argv[1], access_key=sys.argv[2], secret_key=sys.argv[3]))
store.put("lomi-photos", "fork.jpg", b"parent")
before = store._client()
with store._lock:  # the worst moment for a fork
    child = os.fork()
if not child:
    try:
        same = store.get("lomi-photos", "fork.jpg", 100) == b"parent"
        own = store._client() is not before
        store.close()
    except BaseException:
        os._exit(9)
    os._exit(0 if same and own else 8)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert store._client() is before
assert store.get("lomi-photos", "fork.jpg", 100) == b"parent"
store.close()
sys.exit(code)
"""


def test_a_child_makes_a_client_of_its_own(s3: S3Server) -> None:
    command = [sys.executable, "-W", "error", "-c", FORKED, s3.url, ACCESS_KEY, SECRET_KEY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stderr) == (0, "")


def test_no_secret_shows_in_the_store_or_its_errors(s3: S3Server) -> None:
    with closing(s3.store()) as store, pytest.raises(LomiError) as caught:
        store.get(BUCKET, "missing.jpg", LIMIT)
    for text in (repr(store), store.describe(), store.url(BUCKET, "a"), str(caught.value), repr(caught.value)):
        assert SECRET_KEY not in text
        assert ACCESS_KEY not in text


def test_a_socket_that_never_answers_the_connection_is_an_outage() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        section = ObjectsSection.model_validate(
            {"endpoint": f"127.0.0.1:{port}", "use_ssl": False, "access_key": "a", "secret_key": SECRET_KEY}
            | {"connect_timeout_s": 0.3, "read_timeout_s": 0.3}
        )
        with closing(open_s3(section)) as store, pytest.raises(ObjectsUnavailable, match="Timeout"):
            store.put(BUCKET, "a.jpg", b"x")
