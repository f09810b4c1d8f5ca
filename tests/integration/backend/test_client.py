"""Our client against the double of the backend: what it reads, and what each fault becomes."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
import redis
from pydantic import SecretStr

from lomi_ops.clients.backend import (
    Backend,
    BackendDenied,
    BackendMissing,
    BackendRejected,
    DashboardStatus,
    QuotaUsedUp,
    UploadTarget,
)
from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.config.sections.services import BackendSection
from lomi_ops.errors import BackendUnavailable, ConfigError, ExitCode, LomiError, ObjectsUnavailable
from tests.doubles.backend import BackendDouble
from tests.doubles.backend.app import BUCKET
from tests.doubles.backend.tokens import sign_init_data
from tests.doubles.faults import Canned, Drip, Fault, Html, Oversize, Reset, Stall, Throttle, Truncated
from tests.integration.backend.conftest import HANA, client_of, uploaded
from tests.integration.ops.black_hole import black_hole
from tests.services import free_port

CANARY = "cAnArY7token"


def test_a_healthy_backend_is_well(backend: Backend) -> None:
    health = backend.health()
    assert health.status == 200
    assert health.elapsed_ms > 0


def test_a_photo_goes_from_initdata_to_its_status(
    backend: Backend, double: BackendDouble, store: DirectoryStore
) -> None:
    init_data = sign_init_data(double.app.bot_token, {"id": HANA, "first_name": "ሃና"}, now=time.time())
    token = backend.login(SecretStr(init_data))

    target = backend.upload_url(token)
    backend.put_photo(target, b"the bytes", "image/jpeg")
    accepted = backend.upload_complete(token, [target.file_key])
    photos = backend.moderation_status(token)

    assert store.get(BUCKET, target.file_key, 100) == b"the bytes"
    assert accepted.photos_count == 1
    assert [(photo.batch_id, photo.key, photo.status, photo.reason) for photo in photos] == [
        (accepted.batch_id, target.file_key, "pending", "")
    ]


def test_the_token_goes_to_the_backend_and_never_to_the_bucket(
    backend: Backend, double: BackendDouble, token: SecretStr
) -> None:
    uploaded(backend, token, 1)

    puts = [request for request in double.seen if request.method == "PUT"]
    assert len(puts) == 1
    assert "authorization" not in puts[0].headers
    assert "X-Amz-Signature" in puts[0].query
    assert double.bucket_url != double.url


def test_the_queue_is_counted(backend: Backend, token: SecretStr) -> None:
    assert backend.queue_stats().last_24h.rejection_reasons == {}
    backend.upload_complete(token, uploaded(backend, token, 2))

    stats = backend.queue_stats()

    assert (stats.queue.length, stats.queue.pending_media) == (1, 2)
    assert stats.last_24h.total == 0
    assert stats.timestamp


def test_the_dashboard_comes_in_pages(backend: Backend, token: SecretStr) -> None:
    backend.upload_complete(token, uploaded(backend, token, 5))

    first = backend.dashboard(DashboardStatus.PENDING, 1, 3)
    last = backend.dashboard(DashboardStatus.PENDING, 2, 3)

    assert (first.pagination.total, first.pagination.total_pages, first.filters.status) == (5, 2, "pending")
    assert (len(first.media), len(last.media), last.pagination.page) == (3, 2, 2)
    assert not {photo.media_id for photo in first.media} & {photo.media_id for photo in last.media}
    assert backend.dashboard(DashboardStatus.REJECTED).media == ()


def test_only_a_rejected_photo_can_be_deleted(
    backend: Backend, double: BackendDouble, token: SecretStr, store: DirectoryStore
) -> None:
    keys = uploaded(backend, token, 2)
    accepted = backend.upload_complete(token, keys)
    rejected, pending = backend.moderation_status(token)
    double.app.receive(message(accepted.batch_id, rejected.media_id, "rejected"))

    backend.delete_rejected(rejected.media_id)
    with pytest.raises(BackendMissing):
        backend.delete_rejected(pending.media_id)

    assert store.size(BUCKET, rejected.key) is None
    assert [photo.media_id for photo in backend.moderation_status(token)] == [pending.media_id]


def message(batch_id: UUID, media_id: UUID, status: str) -> bytes:
    """What a worker publishes."""
    return json.dumps(
        {
            "job_id": str(uuid4()), "batch_id": str(batch_id), "user_id": str(uuid4()), "telegram_id": HANA,
            "results": [{"media_id": str(media_id), "status": status, "reason": "blurry", "scores": {"face_count": 1}}],
            "summary": {"total": 1, "approved": 0, "rejected": 1, "reasons": {"blurry": 1}},
            "processed_at": "2025-11-24T10:00:01Z",
        }
    ).encode()  # fmt: skip


# --- who may ask ------------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_told_apart_from_one_that_may_not(
    backend: Backend, double: BackendDouble, token: SecretStr, hana: UUID
) -> None:
    foreign = SecretStr(double.app.token(hana)[:-4] + "AAAA")
    expired = SecretStr(double.app.token(hana, admin=True, life_s=-1))

    for wrong, call in ((foreign, backend.moderation_status), (expired, backend.queue_stats)):
        with pytest.raises(BackendDenied, match="does not accept the token") as caught:
            call(wrong)
        assert (caught.value.status, caught.value.exit_code) == (401, ExitCode.USAGE)
        assert "backend.token" in caught.value.hint
        assert wrong.get_secret_value() not in str(caught.value) + caught.value.hint
    with pytest.raises(BackendDenied, match="forbids GET /api/v1/admin/queue-stats") as forbidden:
        backend.queue_stats(token)
    assert forbidden.value.status == 403


def test_initdata_that_telegram_did_not_sign_is_refused(backend: Backend) -> None:
    with pytest.raises(BackendDenied, match="POST /api/v1/auth/telegram"):
        backend.login(SecretStr(sign_init_data("1:other", {"id": 1}, now=time.time())))


def test_without_a_token_or_a_url_the_setting_is_named(double: BackendDouble) -> None:
    with client_of(double.url) as nobody, pytest.raises(ConfigError, match=r"backend\.token is not set"):
        nobody.queue_stats()
    for url in (None, "", "ftp://x", "http://"):
        with pytest.raises(ConfigError, match=r"backend"):
            Backend(BackendSection(url=url))


@pytest.mark.parametrize("token", ["line\nbreak", "ü" * 9, " ", "\x00"])
def test_a_token_that_no_header_can_hold_is_named_and_not_repeated(double: BackendDouble, token: str) -> None:
    secret = CANARY + token if token.strip() else token
    with client_of(double.url, secret) as backend, pytest.raises(ConfigError, match=r"backend\.token") as caught:
        backend.queue_stats()
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert double.calls == {}


def test_the_quota_of_thirty_photos_is_its_own_error(
    backend: Backend, token: SecretStr, client: redis.Redis, hana: UUID
) -> None:
    client.set(f"photo_upload_rate:{hana}", 30)
    keys = uploaded(backend, token, 1)

    with pytest.raises(QuotaUsedUp, match="30 photos per 24 hours"):
        backend.upload_complete(token, keys)
    with pytest.raises(BackendRejected, match="between 1 and 9") as refused:
        backend.upload_complete(token, keys * 10)
    assert refused.value.status == 400


# --- faults -----------------------------------------------------------------------------------------------------------

FAULTS: list[tuple[Fault, type[LomiError], str]] = [
    (Canned(500, b'{"error":"boom"}'), BackendUnavailable, "answers 500 to"),
    (Html(502), BackendUnavailable, "answers 502"),
    (Canned(200, b"<!doctype html><title>app</title>", "text/html"), BackendUnavailable, "a web page instead of JSON"),
    (Canned(200, b"<html>", "application/json"), BackendUnavailable, "a web page instead of JSON"),
    (Truncated(), BackendUnavailable, "JSON that ends too early"),
    (Canned(200, b""), BackendUnavailable, "sent no JSON"),
    (Canned(200, b"null"), BackendUnavailable, "another answer than the contract has"),
    (Canned(200, b'{"queue":{"length":-1,"pending_media":0},"last_24h":{}}'), BackendUnavailable, r"queue\.length"),
    (Canned(302, headers=(("Location", "http://127.0.0.1:1/login"),)), BackendUnavailable, "redirects"),
    (Canned(418, b"{}"), BackendRejected, "418"),
    (Throttle(429, "7"), QuotaUsedUp, "429"),
    (Reset(), BackendUnavailable, "the connection broke off"),
    (Reset(early=True), BackendUnavailable, "the connection broke off"),
    (Oversize(2 << 20), BackendUnavailable, "more than"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "error", "said"), FAULTS, ids=lambda value: getattr(value, "__name__", repr(value)[:30])
)
def test_each_fault_has_its_error_and_the_next_call_is_fine(
    backend: Backend, double: BackendDouble, fault: Fault, error: type[LomiError], said: str
) -> None:
    double.inject(fault, on="queue-stats")
    with pytest.raises(error, match=said) as caught:
        backend.queue_stats()
    assert double.url in caught.value.message
    assert backend.queue_stats().queue.length == 0


@pytest.mark.parametrize("fault", [Stall(60), Drip(0.2)], ids=["stalls", "drips"])
def test_a_slow_answer_ends_at_the_deadline(double: BackendDouble, hana: UUID, fault: Fault) -> None:
    double.inject(fault, on="queue-stats")
    token = double.app.token(hana, admin=True)
    with (
        client_of(double.url, token, timeout_s=0.3) as backend,
        pytest.raises(BackendUnavailable, match=r"within 0\.3"),
    ):
        backend.queue_stats()


def test_a_backend_that_is_down_comes_back(backend: Backend, double: BackendDouble) -> None:
    double.go_down()
    with pytest.raises(BackendUnavailable, match="no connection"):
        backend.health()
    double.come_up()
    assert backend.health().status == 200


def test_silence_and_a_port_that_nobody_has_end_in_time() -> None:
    late = pytest.raises(BackendUnavailable, match=r"within 0\.2 s")
    with black_hole() as hole, client_of(f"http://127.0.0.1:{hole.port}", timeout_s=0.2) as backend, late:
        backend.health()
    with client_of(f"http://127.0.0.1:{free_port()}") as backend, pytest.raises(BackendUnavailable):
        backend.health()


def test_a_head_that_trickles_ends_at_the_deadline_too(trickling: str) -> None:
    with client_of(trickling, timeout_s=0.3) as backend, pytest.raises(BackendUnavailable, match=r"within 0\.3 s"):
        backend.health()


@pytest.fixture
def trickling() -> Iterator[str]:
    """A server whose header lines never end: no read of it ever times out."""
    import socket
    import threading

    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                connection.sendall(b"X-More: y\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    over.set()
    thread.join()
    server.close()


def test_no_error_holds_the_token_even_if_the_backend_repeats_it(double: BackendDouble) -> None:
    says = json.dumps({"error": f"bad token {CANARY}\n\x1b[31m" + "x" * 500}).encode()
    faults = [Canned(status, says) for status in (400, 401, 403, 404, 429, 500)] + [Canned(200, says), Truncated()]
    with client_of(double.url, CANARY) as backend:
        for fault in faults:
            double.inject(fault, on="queue-stats")
            with pytest.raises(LomiError) as caught:
                backend.queue_stats()
            whole = "".join(traceback.format_exception(caught.value)) + caught.value.hint
            assert CANARY not in whole
            assert "\x1b" not in caught.value.message
            assert len(caught.value.message) < 400


# --- the presigned address --------------------------------------------------------------------------------------------


def test_a_redirect_of_the_bucket_is_not_followed(backend: Backend, double: BackendDouble, token: SecretStr) -> None:
    target = backend.upload_url(token)
    double.inject(Canned(307, headers=(("Location", f"{double.url}/api/v1/health"),)), on="bucket")

    with pytest.raises(ObjectsUnavailable, match="answers 307 to the PUT"):
        backend.put_photo(target, b"x")

    assert double.calls["PUT bucket"] == 1
    assert double.calls["GET /api/v1/health"] == 0


def test_a_refusing_bucket_is_named_without_the_signature(
    backend: Backend, double: BackendDouble, token: SecretStr
) -> None:
    good = backend.upload_url(token)
    forged = UploadTarget(good.upload_url.replace("Signature=", "Signature=0"), good.file_key)

    with pytest.raises(ObjectsUnavailable, match="answers 403") as caught:
        backend.put_photo(forged, b"x")

    assert "Signature" not in caught.value.message
    assert double.bucket_url in caught.value.message
    assert "Signature" not in repr(good)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "http://", "http://[", "no url"])
def test_an_upload_url_that_is_no_web_address_is_not_used(backend: Backend, url: str) -> None:
    with pytest.raises(BackendUnavailable, match="no http"):
        backend.put_photo(UploadTarget(url, "k"), b"x")


def test_an_upload_url_with_a_password_is_not_used(backend: Backend, double: BackendDouble) -> None:
    with pytest.raises(BackendRejected, match="a user or a password"):
        backend.put_photo(UploadTarget(double.bucket_url.replace("//", "//u:p@"), "k"), b"x")
    assert double.calls["PUT bucket"] == 0


def test_a_proxy_of_the_environment_is_not_used(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, double: BackendDouble, hana: UUID
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with client_of(double.url, double.app.token(hana, admin=True)) as fresh:
        assert fresh.health().status == 200


# --- rows in the words of the table, and of the queue -----------------------------------------------------------------

ROW = {"id": "6f1c9f1e-0f0a-4a4e-9d1d-0a52d0a3a111", "moderation_status": "rejected", "moderation_reason": "blurry"}
OTHER = {"media_id": ROW["id"], "status": "rejected", "reason": "blurry", "scores": None, "batch_id": None, "new": 1}


@pytest.mark.parametrize(
    "shape",
    [lambda row: [row], lambda row: {"photos": [row]}, lambda row: {"media": [row], "total": 1}],
    ids=["bare", "photos", "media"],
)
@pytest.mark.parametrize("row", [ROW, OTHER], ids=["table", "queue"])
def test_a_photo_is_read_in_the_words_of_the_table_and_of_the_queue(
    backend: Backend, double: BackendDouble, token: SecretStr, shape: Callable[[object], object], row: object
) -> None:
    double.inject(Canned(200, json.dumps(shape(row)).encode()), on="moderation-status")

    (photo,) = backend.moderation_status(token)

    assert (photo.media_id, photo.status, photo.reason) == (UUID(ROW["id"]), "rejected", "blurry")
