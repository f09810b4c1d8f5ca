"""The first day: a cluster that knows only old workers (DESIGN, decision 11), then our worker beside them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
import redis

from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import CHANNEL, lomi, worker_process
from tests.doubles.telegram import TOKEN, running_telegram
from tests.integration.ops.old_cluster import QUEUE, OldCluster, scores
from tests.services import free_port

READS = (
    ("check", "--skip", "postgres.writable"), ("top", "--once"), ("review", "list"), ("report", "--window", "today"),
    ("queue", "stats"), ("migrate", "verify"),
)  # fmt: skip
"""Nobody can write while a test looks whether somebody does."""


@pytest.fixture(autouse=True)
def backend(redis_url: str) -> Iterator[None]:
    """Hears results."""
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as ear:
        ear.subscribe(CHANNEL)
        assert ear.get_message(timeout=10)
        yield


@pytest.fixture
def old(redis_url: str, database_url: str, tmp_path: Path) -> OldCluster:
    """Decided photos of every kind, one without scores, and photos that nobody ever queued."""
    found = OldCluster(redis_url, database_url, tmp_path / "objects")
    found.build()
    batch = uuid.uuid4()
    found.photo("approved", None, scores(), batch=batch)
    found.photo("rejected", "blurry", scores(blur=90.0), batch=batch)
    found.photo("rejected", "underage", scores(age=16.0), batch=batch)
    found.photo("rejected", "nsfw", None, batch=batch)
    found.photo("failed", "unreadable", None, batch=batch, ago=timedelta(seconds=40))
    found.photo()
    return found


@pytest.fixture
def pending(old: OldCluster, samples: dict[str, Sample]) -> list[UUID]:
    """A batch that waits in the list, as the producer pushed it."""
    batch = uuid.uuid4()
    photos = [old.photo(batch=batch, data=samples[name].data) for name in ("portrait", "blurred")]
    old.push(old.job(batch, photos))
    return photos


@pytest.fixture
def guarded(old: OldCluster) -> Iterator[None]:
    """Postgres refuses every write of whoever connects from now on."""
    name = urlsplit(old.database_url).path.lstrip("/")

    def set_to(value: str) -> None:
        with old.sql() as pg:
            pg.execute("SET default_transaction_read_only = off")
            pg.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'.encode())

    set_to("on")
    yield
    set_to("off")


def named(cluster: OldCluster) -> dict[str, Any]:
    return {
        "LOMI_REDIS_URL": cluster.redis_url, "LOMI_DATABASE_URL": cluster.database_url,
        "LOMI_OBJECTS": str(cluster.objects),
    }  # fmt: skip


def test_every_reading_command_works_says_what_it_cannot_know_and_writes_nothing(
    old: OldCluster, pending: list[UUID], guarded: None
) -> None:
    before = old.picture()

    told = [words for words in READS if words[0] in ("top", "review", "migrate")]
    said = {words[0]: lomi(*words, check=None, **named(old)) for words in told}
    answers = {words[0]: lomi(*words, "-o", "json", check=None, **named(old)) for words in READS}

    assert old.picture() == before
    bodies = {name: json.loads(done.stdout) for name, done in answers.items()}
    assert {name: done.returncode for name, done in answers.items()} == {
        "check": 3, "top": 0, "review": 0, "report": 0, "queue": 0, "migrate": 1,
    }  # fmt: skip
    checks = {check["slug"]: check for check in bodies["check"]["checks"]}
    assert {slug: c["status"] for slug, c in checks.items() if c["status"] not in ("pass", "skip")} == {
        "config.complete": "warn", "postgres.schema": "warn", "postgres.pending": "warn", "workers.alive": "unknown",
        "workers.configured": "blocked", "workers.golden": "blocked", "backup.young": "warn",
    }  # fmt: skip
    assert "old workers leave no trace" in checks["workers.alive"]["detail"]
    assert "lomi worker" in checks["workers.alive"]["hint"]
    assert "lomi migrate apply" in checks["postgres.schema"]["hint"]
    assert bodies["top"]["queue"]["ready"] == 1
    assert bodies["top"]["pending"] | {"oldest_waiting": 0} == {
        "waiting": 3, "in_review": 0, "never_queued": 1, "oldest_waiting": 0,
    }  # fmt: skip
    commands = ["lomi worker", "lomi migrate apply"]
    assert [unknown["command"] for unknown in bodies["top"]["unknown"]] == commands
    assert [line.rpartition(": ")[2] for line in said["top"].stdout.splitlines()[-2:]] == commands
    assert [unknown["command"] for unknown in bodies["queue"]["unknown"]] == commands[:1]
    assert [unknown["command"] for unknown in bodies["report"]["unknown"]] == commands[1:]
    reasons = sorted(photo["reason"] for photo in bodies["review"]["photos"])
    assert reasons == ["blurry", "nsfw", "unreadable"], "suspected minors lie apart"
    assert "blur 90.0, faces 1, age 25.0" in said["review"].stdout
    assert bodies["migrate"]["media_columns_missing"] == []
    assert said["migrate"].stdout.splitlines()[-1] == "not complete: lomi migrate apply"


def test_the_report_counts_what_old_workers_decided(old: OldCluster) -> None:
    body = json.loads(lomi("report", "--window", "1h", "-o", "json", **named(old)).stdout)

    figures, reasons = body["figures"], body["tables"]["reasons"]["rows"]
    assert {status: figures[status] for status in ("pending", "approved", "rejected", "failed")} == {
        "pending": 1, "approved": 1, "rejected": 3, "failed": 1,
    }  # fmt: skip
    assert {row["reason"]: row["photos"] for row in reasons} == {
        "blurry": 1, "nsfw": 1, "underage": 1, "unreadable": 1,
    }  # fmt: skip
    assert (figures["rejection_rate"], figures["processing_ms"]) == (0.75, 180)


class NoSuchObject(BaseHTTPRequestHandler):
    """An S3 that has the bucket and no object."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path.rstrip("/").count("/") == 1 else 404)
        self.end_headers()

    def do_GET(self) -> None:
        """Nobody signs such a request: a stranger's."""
        self.send_response(403)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not on the tests' stderr."""


@pytest.fixture
def s3() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), NoSuchObject)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def env_file(cluster: OldCluster, folder: Path, endpoint: str) -> Path:
    """`.env.production` as it lies on the operators' machine."""
    at, database = urlsplit(cluster.redis_url), urlsplit(cluster.database_url)
    path = folder / ".env.production"
    path.write_text(
        f"""\
# the existing system
REDIS_HOST={at.hostname}
REDIS_PORT={at.port}
REDIS_PASSWORD={at.password}
REDIS_DB=0
DB_HOST={database.hostname}
DB_PORT={database.port}
DB_USER={database.username}
DB_PASSWORD="{database.password}"
DB_NAME={database.path.lstrip("/")}
DB_SSL_MODE=disable
S3_ENDPOINT={endpoint}
S3_ACCESS_KEY=canary-access-key
S3_SECRET_KEY=canary-secret-key
S3_REGION=auto
S3_USE_SSL=false
S3_BUCKET_PHOTOS=lomi-photos
COMPREFACE_DB_PASSWORD=canary-faces
TELEGRAM_BOT_TOKEN={TOKEN}
JWT_SECRET=canary-jwt
"""
    )
    return path


@pytest.fixture
def telegram() -> Iterator[dict[str, Any]]:
    """Where it is, for there is none to be asked from a test."""
    with running_telegram() as double:
        yield {"LOMI_TELEGRAM__API_URL": double.url}


def test_the_env_file_of_the_existing_system_is_all_that_is_needed(
    old: OldCluster, pending: list[UUID], guarded: None, tmp_path: Path, s3: str, telegram: dict[str, Any]
) -> None:
    file = env_file(old, tmp_path, s3)
    before = old.picture()

    said = {words[0]: lomi(*words, "--env-file", file, check=None, **telegram) for words in READS}

    assert old.picture() == before
    assert {name: done.returncode for name, done in said.items()} == {
        "check": 3, "top": 0, "review": 0, "report": 0, "queue": 0, "migrate": 1,
    }  # fmt: skip
    assert "bucket lomi-photos" in said["check"].stdout
    assert "@lomi_test_bot" in said["check"].stdout
    for done in said.values():
        assert "canary-" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_an_object_store_that_is_gone_is_what_the_check_reports(
    old: OldCluster, tmp_path: Path, telegram: dict[str, Any]
) -> None:
    file = env_file(old, tmp_path, f"127.0.0.1:{free_port()}")

    done = lomi("check", "--env-file", file, "-o", "json", check=1, **telegram)

    failed = [check for check in json.loads(done.stdout)["checks"] if check["status"] == "fail"]
    assert [check["slug"] for check in failed] == ["objects.read"]
    assert failed[0]["hint"] == "check objects.endpoint and the network"


def test_our_worker_swaps_in_beside_the_old_ones(
    old: OldCluster, pending: list[UUID], weights: None, tmp_path: Path
) -> None:
    with redis.Redis.from_url(old.redis_url) as client, client.pubsub() as pubsub:
        pubsub.subscribe(CHANNEL)
        pubsub.get_message(timeout=5)
        with worker_process(tmp_path / "worker.log", **named(old)) as worker:
            worker.wait_for("job_done")
        message = json.loads(next(iter(_data(pubsub))))
        assert client.llen(QUEUE) == 0

    assert [result["status"] for result in message["results"]] == ["approved", "rejected"]
    with old.sql() as pg:
        rows = pg.execute("SELECT id, moderation_status FROM media WHERE id = ANY(%s)", (pending,)).fetchall()
        others = pg.execute("SELECT count(*) AS n FROM media WHERE moderation_status = 'pending'").fetchone()
    assert {row["id"]: row["moderation_status"] for row in rows} == dict(
        zip(pending, ("approved", "rejected"), strict=True)
    )
    assert others == {"n": 1}, "what was never queued still waits"
    assert lomi("migrate", "verify", **named(old)).stdout.splitlines()[-1] == "complete"
    lomi("review", "approve", pending[1], "--reason", "fine", **named(old))
    body = json.loads(lomi("report", "--window", "1h", "-o", "json", **named(old)).stdout)
    assert body["figures"]["approved"] == 3


def _data(pubsub: Any) -> Iterator[bytes]:
    while (message := pubsub.get_message(ignore_subscribe_messages=True, timeout=5)) is not None:
        yield message["data"]


def test_without_the_moderation_columns_every_command_names_the_step(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    cluster = OldCluster(redis_url, database_url, tmp_path / "objects")
    cluster.build(moderation=False)

    for words in (("top", "--once"), ("review", "list"), ("report", "--window", "today")):
        done = lomi(*words, check=None, **named(cluster))
        assert done.returncode in (1, 3)
        assert done.stderr.splitlines()[-1] == "  try: lomi migrate apply"
    check = lomi("check", check=1, **named(cluster))
    *_, cause, command, page, _, counts = check.stdout.splitlines()
    assert cause.startswith("✘ postgres.media: missing: batch_id, moderated_at, moderation_reason")
    assert (command, page) == ("  lomi migrate apply", "  lomi help LOMI-DB-002")
    assert "1 fail" in counts
    with psycopg.connect(database_url) as pg:
        found = pg.execute("SELECT count(*) FROM information_schema.columns WHERE table_name = 'media'").fetchone()
    assert found == (11,), "nobody added a column"
