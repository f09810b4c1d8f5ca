"""`queue`, `report` and `migrate` on real services."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed
from tests.integration.ops.conftest import Lomi
from tests.integration.ops.old_cluster import QUEUE, OldCluster, scores


def test_queue_stats_count_by_state(cluster: OldCluster, lomi: Lomi) -> None:
    for minutes in (5, 0):
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()], ago=timedelta(minutes=minutes)))

    said = lomi("queue", "stats", "-o", "json")

    assert said.code == 0
    assert said.document["ready"] == 2
    assert 299 < said.document["oldest_age_s"] < 330, "the server rounds its clock to milliseconds"
    assert said.document["unknown"][0]["command"] == "lomi worker"
    text = lomi("queue", "stats").out
    assert "old workers do not register" in text.splitlines()[-1]
    assert text.splitlines()[-1].endswith(": lomi worker")


def test_dead_letters_and_their_jobs_are_shown_whatever_was_pushed(
    cluster: OldCluster, client: redis.Redis, redis_url: str, lomi: Lomi
) -> None:
    assert lomi("queue", "dead").out == "no dead letters\n"
    client.lpush(QUEUE, b"\xff[bold]not json[/bold]")
    with queue_client(RedisSection.model_validate({"url": redis_url})) as handle:
        queue = JobQueue(handle)
        held = queue.claim("b1/0", 1, "t1")
        assert isinstance(held, Claimed)
        queue.fail(held, Failure(ErrorClass.POISON, "not_json", "no JSON: [red]x"))

    text, body = lomi("queue", "dead").out, lomi("queue", "dead", "-o", "json").document

    assert "no JSON: [red]x" in text
    assert body["jobs"][0]["raw"] == "\\xff[bold]not json[/bold]"
    (record,) = lomi("queue", "dead", "-o", "jsonl").records
    assert record["code"] == "not_json"
    job = record["job_id"]
    assert job in text
    shown = lomi("queue", "show", job)
    assert "not json" in shown.out
    assert lomi("queue", "show", job, "-o", "json").document["job"]["state"] == "dead"
    assert "token" not in lomi("queue", "show", job, "-o", "json").document["job"]
    unknown = lomi("queue", "show", "nobody")
    assert (unknown.code, unknown.out) == (1, "")
    assert "lomi queue list" in unknown.err


def test_a_report_sets_a_window_beside_the_one_before(cluster: OldCluster, lomi: Lomi) -> None:
    now = datetime.now(UTC)
    ago = now - (now.replace(hour=12, minute=0) - timedelta(days=1))
    for status, reason in (("approved", None), ("approved", None), ("approved", None), ("rejected", "blurry")):
        cluster.photo(status, reason, scores(), ago=ago)
    cluster.photo("rejected", "nsfw", None, ago=ago + timedelta(days=1))

    body = lomi("report", "-o", "json").document

    figures = body["figures"]
    assert figures["uploads"] == 4
    assert [figures[status] for status in ("pending", "approved", "rejected", "failed")] == [0, 3, 1, 0]
    assert [(row["reason"], row["photos"], row["before"]) for row in body["tables"]["reasons"]["rows"]] == [
        ("blurry", 1, 0),
        ("nsfw", 0, 1),
    ]
    assert (figures["rejection_rate"], figures["rejection_rate_before"]) == (0.25, 1)
    assert (figures["processing_ms"], figures["processing_ms_before"]) == (180, None)
    lines = lomi("report", "--window", "yesterday").out.splitlines()
    rate = next(line for line in lines if line.startswith("rejected of the judged"))
    assert "25%  1 - 94%" in rate  # four photos, which may be of one batch, tell no more
    assert "100.0%" in rate
    assert rate.split()[-4:] == ["-75.0", "-99.3", "to", "+44.3"]
    assert len(lomi("report", "-o", "jsonl").records) == 1


def test_a_window_that_is_none_is_misuse(cluster: OldCluster, lomi: Lomi) -> None:
    said = lomi("report", "--window", "someday", "-o", "json")

    assert (said.code, said.out) == (2, "")
    assert "yesterday" in said.err.splitlines()[-1]


def test_migrate_says_what_is_missing_adds_it_and_is_safe_to_repeat(
    redis_url: str, database_url: str, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    half = OldCluster(redis_url, database_url, tmp_path / "objects")
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    nothing = lomi("migrate", "verify")
    assert nothing.code == 1
    assert nothing.out.splitlines()[0] == "media: no such table in public, should be the backend's table"
    assert nothing.out.splitlines()[-1] == "not complete: lomi config show --origin"
    assert lomi("migrate", "apply").code == 1
    half.build(moderation=False)

    before = lomi("migrate", "verify")
    assert before.code == 1
    assert before.out.splitlines()[-1] == "not complete: lomi migrate apply"
    assert lomi("migrate", "verify", "-o", "json").document["media_columns_missing"][0] == "moderation_status"
    for _ in range(2):
        assert lomi("migrate", "apply").out.splitlines()[-1] == "complete"
    after = lomi("migrate", "verify", "-o", "json")

    assert after.code == 0
    assert after.document["complete"]
    with half.sql() as pg:
        pg.execute("UPDATE lomi.schema_migrations SET checksum = 'x'")
    assert "install the lomi that made this schema" in lomi("migrate", "verify").out


@pytest.mark.parametrize(
    "words", [("report", "--window", "today"), ("review", "list"), ("top", "--once")], ids=lambda words: str(words[0])
)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_database_without_the_moderation_columns_names_the_step_that_adds_them(
    redis_url: str,
    database_url: str,
    lomi: Lomi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    format_: str,
) -> None:
    OldCluster(redis_url, database_url, tmp_path / "objects").build(moderation=False)
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)

    said = lomi(*words, "-o", format_)

    assert said.code in (1, 3)
    assert said.err.splitlines()[-1] == "  try: lomi migrate apply"
    assert "Traceback" not in said.err
    if said.out and format_ == "json":
        assert json.loads(said.out)["problems"]
