"""`lomi top --once`: one look, and what it says beside the metrics and the alerts."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.alert_state import Phase, Track
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from tests.commands import Lomi, lomi, quiet_machine
from tests.integration.live.conftest import Environ
from tests.integration.ops.conftest import cluster, old, point
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.integration.tui.terminal import Terminal
from tests.services import free_port

__all__ = ["cluster", "lomi", "old", "point", "quiet_machine"]


@pytest.fixture
def queue(cluster: OldCluster) -> Iterator[JobQueue]:
    """Of a cluster with a worker, a job that waits, a pause, and somebody to look at a photo."""
    with queue_client(RedisSection.model_validate({"url": cluster.redis_url})) as client:
        made = JobQueue(client)
        engines = (EngineInfo("nsfw", "nudenet-320n", "ab"),)
        WorkerRegistry(client).register(WorkerInfo("b1", "host-1", 77, "0.1.0", 1, engines, "local@1"))
        made.pause("Hana", "deploy")
        made.hold("faces", 60, "gone")
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
        cluster.photo("pending", "needs_review", scores(), batch=uuid.uuid4())
        cluster.photo()
        yield made


def metrics(body: dict[str, Any]) -> dict[tuple[str, str], float]:
    return {(each["name"], json.dumps(each["labels"], sort_keys=True)): each["value"] for each in body["metrics"]}


def test_it_says_what_the_metrics_say_and_who_stopped_what(queue: JobQueue, lomi: Lomi) -> None:
    said = lomi("top", "--once")
    body, exported = (lomi(*words, "-o", "json").document for words in (("top", "--once"), ("metrics", "print")))

    assert (said.code, said.err) == (0, "")
    for words in (
        "1 waiting, next one", "by Hana: deploy", "faces for ", ": out, 1 failure", "; gone", "host-1/77",
        "nudenet-320n",
        "0 for a worker, 1 for a person; 1 never queued", "none in the last hour", "connections",
    ):  # fmt: skip
        assert words in said.out
    told = {
        (sample["name"], json.dumps(sample["labels"], sort_keys=True)): sample["value"]
        for measure in exported["metrics"] for sample in measure["samples"]
    }  # fmt: skip
    assert metrics(body).keys() == told.keys()
    counts = [key for key in told if key[0] in ("lomi_queue_jobs", "lomi_photos_undecided", "lomi_workers", "lomi_up")]
    assert {key: metrics(body)[key] for key in counts} == {key: told[key] for key in counts}


def test_the_document_is_for_scripts(queue: JobQueue, lomi: Lomi) -> None:
    body = lomi("top", "--once", "-o", "json").document

    assert body["schema"] == "lomi.snapshot/v2"
    assert (body["queue"]["ready"], body["queue"]["pause"]["by"], body["queue"]["drain_s"]) == (1, "Hana", None)
    assert [hold["upstream"] for hold in body["queue"]["holds"]] == ["faces"]
    (worker,) = body["workers"]
    assert (worker["name"], worker["state"], worker["info"]["host"]) == ("host-1/77", "running", "host-1")
    assert body["pending"] == {"waiting": 1, "in_review": 1, "never_queued": 1}
    assert {each["name"]: each["up"] for each in body["services"]} == dict.fromkeys(
        ("objects", "postgres", "redis"), True
    )
    assert {each["state"] for each in body["alerts"]} <= {"ok", "unknown", "unset"}
    assert (body["unknown"], body["silent"], body["problems"]) == ([], {}, [])
    assert len(lomi("top", "--once", "-o", "jsonl").records) == 1


def test_an_alert_stands_as_those_who_are_told_of_it_know_it(cluster: OldCluster, queue: JobQueue, lomi: Lomi) -> None:
    for _ in range(60):
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    new = lomi("top", "--once")
    with Database(cluster.database_url) as db:
        at = db.now()
        with db.transaction() as session:
            fired = Track(Phase.FIRING, at - timedelta(minutes=3), value=60, at=at - timedelta(seconds=30))
            alerts.remember_on(session, {"queue_backlog": fired})
            alerts.open_on(session, "queue_backlog", AlertSeverity.WARNING, "61 jobs wait", 61, at=at)
        told = lomi("top", "--once")
        (incident,) = alerts.incidents(db)
        lomi("alerts", "ack", incident.id, "--as", "hana")
        known = lomi("top", "--once", "-o", "json").document

    assert "pending queue_backlog: 61 jobs wait in the queue, more than 50" in new.out
    assert "firing  queue_backlog: 61 jobs wait in the queue, more than 50, for 3 min. Next: lomi autoscale" in told.out
    assert "1 firing" in told.out.splitlines()[0]
    (alert,) = [each for each in known["alerts"] if each["rule"] == "queue_backlog"]
    assert (alert["state"], alert["by"], alert["next"]) == ("acked", "acknowledged by hana", "lomi autoscale --dry-run")


def test_without_one_source_the_others_are_shown_and_it_cannot_tell(
    queue: JobQueue, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")
        no_redis = lomi("top", "--once")
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://x:secret-word@127.0.0.1:{free_port()}/lomi")
    no_postgres = lomi("top", "--once", "-o", "json")

    assert no_redis.code == no_postgres.code == 3
    assert "1 for a person" in no_redis.out
    assert "1 silent" in no_redis.out.splitlines()[0]
    assert no_redis.err.count("redis is silent: Redis at") == 1, "one source is told once"
    assert no_postgres.document["queue"]["ready"] == 1
    assert no_postgres.document["pending"] is None
    assert no_postgres.document["silent"]["postgres"].startswith("Postgres at")
    assert no_postgres.document["problems"] == [no_postgres.document["silent"]["postgres"]]
    assert "secret-word" not in no_postgres.out + no_postgres.err


@pytest.mark.parametrize("moderation", [True, False], ids=["old workers", "before any migration"])
def test_before_the_swap_it_says_what_it_cannot_know(
    redis_url: str, database_url: str, tmp_path: Path, point: Callable[[OldCluster], None], lomi: Lomi, moderation: bool
) -> None:
    before = OldCluster(redis_url, database_url, tmp_path / "objects")
    before.build(moderation=moderation)
    point(before)
    before.push(before.job(uuid.uuid4(), [uuid.uuid4()]))
    said, body = lomi("top", "--once"), lomi("top", "--once", "-o", "json").document

    assert said.code == (0 if moderation else 3)
    assert "1 waiting" in said.out
    assert "none in the last hour" not in said.out, "nobody knows"
    assert "old workers do not register" in said.out
    assert said.err.splitlines()[-1:] == ([] if moderation else ["  try: lomi migrate apply"])
    assert (body["pending"] is None) is not moderation
    assert bool(body["problems"]) is not moderation
    assert [each["command"] for each in body["unknown"]][:2] == ["lomi worker", "lomi migrate apply"]


def test_whoever_looks_at_a_queue_need_not_say_where_photos_are(
    queue: JobQueue, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOMI_OBJECTS")
    said = lomi("top", "--once", "-o", "json")

    assert said.code == 0
    assert {each["name"] for each in said.document["services"]} == {"postgres", "redis"}


def test_it_fits_a_narrow_terminal(environ: Environ) -> None:
    client = redis.Redis.from_url(environ["LOMI_REDIS_URL"])
    engines = (EngineInfo("nsfw", "nudenet-320n@3.4.2", "ab"), EngineInfo("faces", "compreface"))
    WorkerRegistry(client).register(WorkerInfo("b1", "moderation-7", 4077, "0.1.0", 1, engines, "default@1"))
    command = (sys.executable, "-m", "lomi_ops")
    with Terminal("top", "--once", size=(80, 24), environ=environ | {"NO_COLOR": "1"}, command=command) as terminal:
        assert terminal.end() == 0
        lines = terminal.text.splitlines()

    assert max(len(line) for line in lines) <= 80
    assert [line.split()[:2] for line in lines if "moderation-7" in line] == [["moderation-7/4077", "running"]]


def test_without_a_terminal_and_without_once_it_says_what_to_type(lomi: Lomi) -> None:
    said = lomi("top")

    assert said.code == 2
    assert said.err.splitlines()[-1].startswith("  try: lomi top --once")
