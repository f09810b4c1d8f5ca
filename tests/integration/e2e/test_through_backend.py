"""`lomi e2e --via backend`: as a user's app, against the double of the backend on real services."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.queue.jobs import JobQueue
from tests.doubles.backend import BackendDouble
from tests.doubles.backend.app import QUEUE
from tests.doubles.backend.tokens import sign_init_data
from tests.doubles.faults import Canned, Fault, Html, Reset, Stall
from tests.integration.e2e.conftest import Cluster, Lomi, Worker, document, until
from tests.patience import Patience
from tests.services import free_port

HANA = 2**53 + 7
Point = Callable[..., None]


@pytest.fixture
def hana(double: BackendDouble) -> UUID:
    return double.app.add_user(HANA)


@pytest.fixture
def point(double: BackendDouble, hana: UUID, monkeypatch: pytest.MonkeyPatch) -> Point:
    """Makes `lomi` see the backend: with an admin's token, as the app of a test account, or both."""

    def at(*, token: bool = True, admin: bool = True, init_data: bool = False, services: bool = True) -> None:
        monkeypatch.setenv("LOMI_BACKEND__URL", double.url)
        if token:
            monkeypatch.setenv("LOMI_BACKEND__TOKEN", double.app.token(hana, admin=admin))
        if init_data:
            data = sign_init_data(double.app.bot_token, {"id": HANA, "first_name": "ሃና"}, now=time.time())
            monkeypatch.setenv("LOMI_BACKEND__INIT_DATA", data)
        if not services:
            for name in ("LOMI_REDIS_URL", "LOMI_DATABASE_URL", "LOMI_OBJECTS"):
                monkeypatch.delenv(name)

    return at


def test_photos_come_through_the_api_with_every_leg(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble, point: Point, hana: UUID
) -> None:
    point(init_data=True)

    said = lomi("e2e", 3, cluster.photo("a"), cluster.photo("b", "blurred"), cluster.photo("c", "doubtful"),
                "--via", "backend", "-o", "json")  # fmt: skip

    body = document(said.out)
    (batch,) = body["batches"]
    assert (said.code, body["via"], body["user_id"]) == (0, "backend", str(hana))
    assert [photo["decision"] for photo in batch["photos"]] == ["approved", "rejected", "review"]
    assert {"accepted", "started", "batch"} <= set(batch["legs_s"])
    assert {"upload", "judged", "settled", "published", "shown"} <= set(batch["photos"][0]["legs_s"])
    assert double.calls["POST /api/v1/auth/telegram"] == 1
    assert double.calls["POST /api/v1/users/media/upload-complete"] == 1
    assert double.calls["PUT bucket"] == 3
    assert body["sees"] == {"postgres": True, "redis": True, "backend": True}


def test_what_the_api_can_delete_is_deleted_and_the_rest_is_named(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble, point: Point
) -> None:
    point()

    said = lomi("e2e", 3, cluster.photo("a"), cluster.photo("b", "blurred"), "--via", "backend", "-o", "json")

    body = document(said.out)
    rows = cluster.pg.execute("SELECT id, url, moderation_status FROM media ORDER BY display_order").fetchall()
    assert [row["moderation_status"] for row in rows] == ["approved", "approved"]
    assert {left["name"] for left in body["left"]} == {f"{row['id']} ({row['url']})" for row in rows}
    assert "deletes only rejected ones" in body["left"][0]["why"]
    assert {item.key for item in cluster.store.list("lomi-photos")} == {row["url"] for row in rows}
    assert sum(count for call, count in double.calls.items() if call.startswith("DELETE")) == 1


def test_a_user_who_is_no_admin_deletes_nothing_and_says_so(
    cluster: Cluster, worker: Worker, lomi: Lomi, point: Point
) -> None:
    point(admin=False)

    said = lomi("e2e", 1, cluster.photo("b", "blurred"), "--via", "backend", "-o", "json")

    (left,) = document(said.out)["left"]
    assert said.code == 0
    assert "forbids DELETE" in left["why"]


def test_without_redis_and_postgres_the_api_alone_is_followed_and_what_is_unseen_is_said(
    cluster: Cluster, worker: Worker, lomi: Lomi, point: Point
) -> None:
    point(services=False)

    said = lomi("e2e", 2, cluster.photo("a"), cluster.photo("b", "blurred"), "--via", "backend", "-o", "json")

    body = document(said.out)
    assert said.code == 0
    assert [photo["decision"] for photo in body["batches"][0]["photos"]] == ["approved", "rejected"]
    assert body["sees"] == {"postgres": False, "redis": False, "backend": True}
    assert len(body["unknown"]) == 2
    assert set(body["batches"][0]["photos"][0]["legs_s"]) == {"upload", "shown"}


@pytest.mark.parametrize("services", [True, False], ids=["with Postgres", "alone"])
def test_a_backend_that_shows_no_keys_is_followed_all_the_same(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble, point: Point, services: bool
) -> None:
    point(services=services)
    double.app.shows_keys = False

    said = lomi("e2e", 3, cluster.photo("a"), cluster.photo("b", "blurred"), "--via", "backend", "-o", "json")

    decisions = [photo["decision"] for photo in document(said.out)["batches"][0]["photos"]]
    assert said.code == 0
    assert sorted(decisions) == ["approved", "approved", "rejected"]
    if services:
        assert decisions == ["approved", "rejected", "approved"]


def test_a_quota_that_is_used_up_is_said_plainly(
    cluster: Cluster, lomi: Lomi, double: BackendDouble, point: Point, hana: UUID
) -> None:
    point()
    cluster.redis.set(f"photo_upload_rate:{hana}", 30)

    said = lomi("e2e", 2, cluster.photo("a"), "--via", "backend", "-o", "json")

    body = document(said.out)
    assert said.code == 3
    assert body["error"]["message"].startswith("this account has no photos left: the backend takes 30 in 24 hours")
    assert "--via direct" in body["error"]["hint"]
    assert body["batches"][0]["stopped"]["where"] == "upload"
    assert (body["left"], list(cluster.store.list("lomi-photos"))) == ([], []), "what is in no batch is removed"
    assert cluster.redis.llen(QUEUE) == 0


def test_without_the_store_photos_that_are_in_no_batch_are_named(
    cluster: Cluster, lomi: Lomi, point: Point, hana: UUID
) -> None:
    point(services=False)
    cluster.redis.set(f"photo_upload_rate:{hana}", 30)

    said = lomi("e2e", 2, cluster.photo("a"), "--via", "backend", "-o", "json")

    left = document(said.out)["left"]
    assert [each["what"] for each in left] == ["object", "object"]
    assert {each["name"] for each in left} == {item.key for item in cluster.store.list("lomi-photos")}


def test_thirty_photos_pass_and_the_quota_stops_the_thirty_first(
    cluster: Cluster, worker: Worker, lomi: Lomi, point: Point
) -> None:
    point()
    assert lomi("e2e", 30, cluster.photo("a"), "--via", "backend").code == 0

    said = lomi("e2e", 1, cluster.photo("a"), "--via", "backend")

    assert said.code == 3
    assert "answered 429 to 1 more" in said.err


def test_without_a_worker_the_job_never_left_the_queue(cluster: Cluster, lomi: Lomi, point: Point) -> None:
    point()

    said = lomi("e2e", 1, cluster.photo("a"), "--via", "backend", "--timeout", "1", "-o", "json")

    (batch,) = document(said.out)["batches"]
    assert said.code == 1
    assert batch["stopped"]["where"] == "queue"
    assert "no worker is registered" in batch["stopped"]["text"]
    assert batch["job_id"] == json.loads(cluster.redis.lindex(QUEUE, 0))["job_id"]  # type: ignore[arg-type]


def test_a_subscriber_that_is_gone_is_why_the_app_shows_nothing(
    cluster: Cluster, lomi: Lomi, double: BackendDouble, point: Point, patience: Patience
) -> None:
    """An old worker publishes and writes no rows: that is the subscriber's part, and nobody listens."""
    point()
    double.closing.set()
    assert double._ear is not None
    double._ear.join()
    double.closing.clear()
    over, published = threading.Event(), threading.Event()
    patience.until = published.is_set

    def old_worker() -> None:
        while not over.is_set():
            popped: Any = cluster.redis.brpop([QUEUE], timeout=1)
            if popped is not None:
                job = json.loads(popped[1])
                results = [{"media_id": p["media_id"], "status": "approved"} for p in job["photos"]]
                cluster.redis.publish("moderation_results", json.dumps({"job_id": job["job_id"], "results": results}))
                published.set()

    thread = threading.Thread(target=old_worker)
    thread.start()
    said = lomi("e2e", 1, cluster.photo("a"), "--via", "backend", "-o", "json")
    over.set()
    thread.join()

    body = document(said.out)
    assert (said.code, body["listeners"]) == (1, 0)
    assert body["batches"][0]["photos"][0]["messages"] == 1
    assert "nobody but this test listens" in json.dumps(body["warnings"])


# --- a backend that is ill --------------------------------------------------------------------------------------------

ILL: list[tuple[str, Fault, int, str]] = [
    ("upload-url", Canned(500, b"{}"), 3, "answers 500"),
    ("upload-url", Html(502), 3, "answers 502"),
    ("upload-url", Canned(200, b"<html>", "text/html"), 3, "a web page instead of JSON"),
    ("upload-url", Reset(early=True), 3, "the connection broke off"),
    ("upload-url", Stall(30), 3, "within 1 s"),
    ("upload-complete", Canned(401, b'{"error":"expired"}'), 2, "does not accept the token"),
    ("upload-complete", Canned(404, b"404 page not found", "text/plain"), 1, "knows no POST"),
    ("bucket", Canned(403, b"<Error/>", "application/xml"), 3, "answers 403 to the PUT of a photo"),
]  # fmt: skip


@pytest.mark.parametrize(("on", "fault", "code", "text"), ILL, ids=lambda value: str(value)[:24])
def test_each_trouble_of_the_backend_is_one_document_with_its_error(
    cluster: Cluster,
    lomi: Lomi,
    double: BackendDouble,
    point: Point,
    monkeypatch: pytest.MonkeyPatch,
    on: str,
    fault: Fault,
    code: int,
    text: str,
) -> None:
    point()
    if isinstance(fault, Stall):
        monkeypatch.setenv("LOMI_BACKEND__TIMEOUT_S", "1")
    double.inject(fault, on=on)

    said = lomi("e2e", 1, cluster.photo("a"), "--via", "backend", "-o", "json")

    body = document(said.out)
    assert (said.code, body["exit_code"]) == (code, code)
    assert text in body["error"]["message"]
    assert text in said.err
    assert "Signature" not in said.out + said.err


def test_a_backend_that_is_down_and_a_wrong_token(
    cluster: Cluster, lomi: Lomi, double: BackendDouble, point: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    point()
    monkeypatch.setenv("LOMI_BACKEND__TOKEN", "cAnArY7.wrong.token")
    wrong = lomi("e2e", 1, cluster.photo("a"), "--via", "backend")
    monkeypatch.setenv("LOMI_BACKEND__URL", f"http://127.0.0.1:{free_port()}")
    down = lomi("e2e", 1, cluster.photo("a"), "--via", "backend")

    assert (wrong.code, down.code) == (2, 3)
    assert "does not accept the token" in wrong.err
    assert "no connection" in down.err
    assert "cAnArY7" not in wrong.err + wrong.out


def test_a_hiccup_while_the_app_polls_is_waited_out(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble, point: Point
) -> None:
    point()
    double.inject(Canned(503), Reset(early=True), on="moderation-status")

    said = lomi("e2e", 1, cluster.photo("a"), "--via", "backend", "-o", "json")

    assert said.code == 0


def test_a_backend_that_goes_away_for_good_cannot_be_told(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble, point: Point, patience: Patience
) -> None:
    point()
    double.inject(Canned(503), on="moderation-status", times=100)
    patience.until = lambda: JobQueue(cluster.redis).stats().counters.get("finished", 0) > 0

    said = lomi("e2e", 1, cluster.photo("a"), "--via", "backend", "-o", "json")

    body = document(said.out)
    assert said.code == 3
    assert "answers 503" in body["error"]["message"]
    assert body["batches"][0]["photos"][0]["decision"] == "approved", "Postgres and the channel said so"
    assert body["batches"][0]["stopped"]["where"] == "app"


def test_settings_that_are_missing_are_named(
    cluster: Cluster, lomi: Lomi, point: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = lomi("e2e", 1, cluster.photo("a"), "--via", "backend")
    point(token=False)
    nobody = lomi("e2e", 1, cluster.photo("a"), "--via", "backend")

    assert (nothing.code, nobody.code) == (2, 2)
    assert "backend.url (LOMI_BACKEND__URL)" in nothing.err
    assert "LOMI_BACKEND__INIT_DATA" in nobody.err


def test_ctrl_c_names_what_the_backend_has_by_now(cluster: Cluster, double: BackendDouble, hana: UUID) -> None:
    settings = {"LOMI_BACKEND__URL": double.url, "LOMI_BACKEND__TOKEN": double.app.token(hana, admin=True)}
    with cluster.process("e2e", 1, cluster.photo("a"), "--via", "backend", "-o", "json", **settings) as running:
        # Before that it may not have heard yet what the backend made of its photo.
        until(lambda: double.calls["GET /api/v1/users/media/moderation-status"], "it asks what became of its photo")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)

    body = document(out)
    assert (running.returncode, body["error"]["message"]) == (130, "interrupted")
    assert [left["what"] for left in body["left"]] == ["photo"]
    assert "it is pending" in body["left"][0]["why"]
    assert "still there" in err
