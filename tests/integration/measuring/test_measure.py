"""What is measured on real services, beside what is so."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import blocks
from lomi_ops.domain.measure import MEASURES, Kind, Measured, Source
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.ops.measuring.look import Handles, Measuring, measure, readers
from lomi_ops.ops.measuring.record import RecordReader
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.meter import Meter
from lomi_ops.queue.workers import WorkerRegistry
from tests.integration.ops.conftest import worker
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.services import free_port, running_redis

SETTINGS = Settings.model_validate({"checks": {"workers": 4}})
DECISION = (
    "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status, reason)"
    " VALUES (now() - %s * interval '1 second', gen_random_uuid(), gen_random_uuid(), 'j', %s, %s, %s, %s)"
)


def look(bench: Bench | None, database: Database | None, **handles: Any) -> Measured:
    return measure(Handles(SETTINGS, bench.client if bench else None, database, **handles), patience_s=60)


def decide(pg: psycopg.Connection[Any], ago_s: float, actor: str, before: str, status: str, reason: str | None) -> None:
    pg.execute(DECISION, (ago_s, actor, before, status, reason))


def test_the_queue_is_counted_by_state(cluster: OldCluster, bench: Bench) -> None:
    for number in range(6):
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()], ago=timedelta(seconds=90 - number)))
    finished, failed, _running = bench.take("a/0"), bench.take("a/1"), bench.take("a/2")
    bench.queue.finish(finished.job_id, finished.token, b"nobody hears this")
    bench.queue.fail(failed, LOST_CONNECTION)
    now = look(bench, None)

    states = {labels["state"]: value for labels, value in now.each("lomi_queue_jobs")}
    assert states == {"ready": 3, "high": 0, "bulk": 0, "delayed": 1, "running": 1, "dead": 0}
    assert now.get("lomi_queue_oldest_age_seconds") == pytest.approx(87, abs=20)
    assert now.get("lomi_results_unheard") == 1
    assert now.get("lomi_claims_total") == 3
    events = {labels["event"]: value for labels, value in now.each("lomi_job_events_total") if value}
    assert events == {"finished": 1, "retried": 1}
    assert now.get("lomi_queue_paused") == 0
    assert now.silent == {}


def test_the_oldest_job_of_each_state_tells_its_age(cluster: OldCluster, bench: Bench) -> None:
    assert list(look(bench, None).each("lomi_queue_age_seconds")) == []
    for age_s in (500, 400, 300, 90, 80):
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()], ago=timedelta(seconds=age_s)))
    long, given_up = bench.take("a/0"), bench.take("a/1")
    for name in (bench.keys.high, bench.keys.bulk):
        bench.client.rpoplpush(bench.keys.ready, name)
    bench.client.hset(bench.keys.job(long.job_id), "claimed_ms", bench.queue.now_ms() - 30_000)
    bench.queue.fail(given_up, POISON)
    bench.client.zadd(bench.keys.dead, {given_up.job_id: bench.queue.now_ms() - 7_000_000})
    now = look(bench, None)

    ages = {labels["state"]: value for labels, value in now.each("lomi_queue_age_seconds")}
    assert ages == pytest.approx({"running": 30, "dead": 7000, "high": 300, "bulk": 90, "ready": 80}, abs=20)


def test_breakers_and_pauses_are_told_and_nothing_else_is_held(bench: Bench) -> None:
    bench.queue.hold("compreface", 60, "gone")
    bench.queue.hold("objects", 60, "slow down", throttled=True)
    bench.queue.pause("Hana", "deploy")
    now = look(bench, None)

    assert {labels["upstream"]: value for labels, value in now.each("lomi_upstream_held")} == {
        "compreface": 1, "objects": 0, "postgres": 0, "lomi": 0,
    }  # fmt: skip
    assert now.get("lomi_upstream_limited", upstream="objects") == 1
    assert now.get("lomi_upstream_limited", upstream="compreface") == 0
    assert now.get("lomi_queue_paused") == 1


def test_workers_are_counted_by_what_they_do(bench: Bench, registry: WorkerRegistry) -> None:
    for boot in ("fine", "quiet", "gone", "bad"):
        registry.register(replace(worker(boot), slots=2))
    registry.set_mode("quiet", WorkerMode.QUIET)
    bench.push(b'{"job_id": "x"}')
    for _ in range(3):
        bench.queue.fail(bench.take("bad/0"), LOST_CONNECTION)
        bench.come_due()
        bench.reap()
    bench.client.zadd(bench.keys.workers, {"gone": bench.queue.now_ms() - 60_000})
    now = look(bench, None)

    states = {labels["state"]: value for labels, value in now.each("lomi_workers")}
    assert states == {"running": 1, "quiet": 1, "draining": 0, "silent": 1, "failing": 1}
    assert now.get("lomi_worker_slots") == 6
    assert now.get("lomi_workers_expected") == 4


def test_workers_that_died_are_missed_and_those_that_never_were_are_not_known(bench: Bench) -> None:
    assert list(look(bench, None).each("lomi_workers")) == []
    bench.push(b'{"job_id": "x"}')
    bench.take("dead/0")
    assert {value for _, value in look(bench, None).each("lomi_workers")} == {0}


def test_a_job_that_runs_for_too_long_and_one_that_nobody_takes_back_are_stuck(bench: Bench) -> None:
    bench.push(b'{"job_id": "long"}', b'{"job_id": "lost"}', b'{"job_id": "fine"}')
    for slot in ("a/0", "a/1", "a/2"):
        bench.take(slot)
    bench.client.hset(bench.keys.job("long"), "claimed_ms", bench.queue.now_ms() - 3_700_000)
    bench.expire("lost")
    assert look(bench, None).get("lomi_queue_stuck_jobs") == 2


def test_what_is_undecided_is_counted_by_what_it_waits_for(cluster: OldCluster, database: Database) -> None:
    cluster.photo(batch=uuid.uuid4())
    cluster.photo()
    cluster.photo()
    cluster.photo("pending", "needs_review", scores(), batch=uuid.uuid4(), ago=timedelta(hours=2))
    cluster.photo("approved", None, scores())
    now = look(None, database)

    assert {labels["waits"]: value for labels, value in now.each("lomi_photos_undecided")} == {
        "worker": 1, "never_queued": 2, "person": 1,
    }  # fmt: skip
    assert now.get("lomi_review_oldest_age_seconds") == pytest.approx(7200, abs=60)


def test_decisions_are_counted_by_who_made_them_and_nobody_is_named(cluster: OldCluster, database: Database) -> None:
    with cluster.sql() as pg:
        for _ in range(3):
            decide(pg, 60, "worker", "pending", "approved", None)
        decide(pg, 60, "worker", "pending", "rejected", "blurry")
        decide(pg, 60, "worker", "pending", "pending", "needs_review")
        decide(pg, 60, "Hana", "pending", "rejected", "nsfw")
        decide(pg, 60, "Hana", "rejected", "approved", None)  # an override: decided before
        decide(pg, 60, "Abel", "pending", "rejected", "words of a person")
        decide(pg, 7000, "worker", "pending", "rejected", "blurry")
    now = look(None, database)

    found = Counter({(v["actor"], v["status"], v["reason"]): value for v, value in now.each("lomi_decisions")})
    assert found == {
        ("worker", "approved", ""): 3, ("worker", "rejected", "blurry"): 1, ("worker", "pending", "needs_review"): 1,
        ("person", "rejected", "nsfw"): 1, ("person", "approved", ""): 1, ("person", "rejected", "other"): 1,
    }  # fmt: skip
    assert "Hana" not in str(now)
    assert now.get("lomi_decided_photos", window="1h") == 6
    assert now.get("lomi_rejection_ratio", window="1h") == pytest.approx(3 / 6)
    assert now.get("lomi_rejection_ratio", window="7d") == pytest.approx(4 / 7)


@pytest.mark.parametrize(("week_above", "asked"), [(None, True), (0.4, True), (0.5, False)])
def test_whoever_looks_once_asks_for_the_week_only_where_the_hour_is_bad(
    cluster: OldCluster, database: Database, week_above: float | None, asked: bool
) -> None:
    with cluster.sql() as pg:
        decide(pg, 60, "worker", "pending", "approved", None)
        decide(pg, 60, "worker", "pending", "rejected", "blurry")
    values = RecordReader(database, week_above=week_above).read()
    assert values["lomi_rejection_ratio", (("window", "1h"),)] == 0.5
    assert (("lomi_rejection_ratio", (("window", "7d"),)) in values) is asked


def test_jobs_that_ended_and_what_they_cost(cluster: OldCluster, database: Database) -> None:
    with cluster.sql() as pg:
        for ago, took, photos in ((10, 2000, 4), (100, 1000, 2), (1000, 3000, 2)):
            pg.execute(
                "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at,"
                " took_ms, approved) VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, '{}', now(),"
                " now() - %s * interval '1 second', %s, %s)",
                (ago, took, photos),
            )
        pg.execute("INSERT INTO lomi.job_ends (job_id, entry, what, at) VALUES ('d', '1', 'dead', now())")
        pg.execute("INSERT INTO lomi.job_ends (job_id, entry, what, at) VALUES ('d', '2', 'requeued', now())")
    now = look(None, database)

    assert now.get("lomi_batches_ended", window="5m") == 3
    assert now.get("lomi_batches_failed_ratio", window="5m") == pytest.approx(1 / 3)
    assert now.get("lomi_worker_seconds_per_1000_photos", window="1h") == pytest.approx(6 / 8 * 1000)


def test_before_the_swap_what_media_and_the_list_tell_is_measured(old: OldCluster) -> None:
    old.push(old.job(uuid.uuid4(), [uuid.uuid4()]))
    old.photo("approved", None, scores(), ago=timedelta(minutes=5))
    old.photo("rejected", "blurry", scores(), ago=timedelta(minutes=5))
    old.photo("rejected", "blurry", scores(), ago=timedelta(days=2))
    with (
        queue_client(RedisSection.model_validate({"url": old.redis_url})) as client,
        Database(old.database_url) as database,
    ):
        now = measure(Handles(SETTINGS, client, database), patience_s=60)

    assert now.silent == {}
    assert now.get("lomi_queue_jobs", state="ready") == 1
    assert now.get("lomi_rejection_ratio", window="1h") == 0.5
    assert now.get("lomi_rejection_ratio", window="7d") == pytest.approx(2 / 3)
    assert list(now.each("lomi_workers")) == []
    assert now.get("lomi_batches_ended", window="5m") is None


def test_each_source_falls_silent_alone(bench: Bench, database: Database) -> None:
    with queue_client(RedisSection.model_validate({"host": "127.0.0.1", "port": free_port()})) as nowhere:
        no_redis = measure(Handles(SETTINGS, nowhere, database), patience_s=60)
    with Database(f"postgresql://x:canary-password@127.0.0.1:{free_port()}/lomi") as gone:
        no_postgres = look(bench, gone)

    assert list(no_redis.silent) == [Source.REDIS]
    assert no_redis.get("lomi_photos_undecided", waits="worker") == 0
    assert no_redis.get("lomi_up", service="redis") == 0
    assert list(no_postgres.silent) == [Source.POSTGRES]
    assert "canary-password" not in str(no_postgres)
    assert no_postgres.get("lomi_queue_jobs", state="ready") == 0


def test_a_redis_that_ends_and_comes_back_is_silent_in_between(database: Database) -> None:
    with running_redis() as server, queue_client(RedisSection.model_validate({"url": server.url})) as client:
        client.lpush("photo_moderation_queue", b"{}")
        looking = Measuring(readers(Handles(SETTINGS, client, database)))
        before = looking.tick(60)
        server.stop()
        away = looking.tick(60)
        server.start()
        again = looking.tick(60)

    assert before.get("lomi_queue_jobs", state="ready") == 1
    assert list(away.silent) == [Source.REDIS]
    assert away.get("lomi_queue_jobs", state="ready") is None
    assert away.get("lomi_photos_undecided", waits="worker") == 0
    assert again.silent == {}
    assert again.get("lomi_queue_jobs", state="ready") is not None


def test_a_backup_tells_its_age_and_that_there_is_none_and_a_place_that_cannot_be_asked_is_silent(
    tmp_path: Path,
) -> None:
    (tmp_path / "nightly.dump").write_text("x")
    there = Settings.model_validate({"backup": {"file": tmp_path / "nightly.dump"}})
    broken = Settings.model_validate({"backup": {"command": "/bin/false"}})

    nothing = Settings.model_validate({"backup": {"file": tmp_path / "never.dump"}})

    assert measure(Handles(there)).get("lomi_backup_age_seconds") == pytest.approx(0, abs=60)
    assert measure(Handles(there)).get("lomi_backup_found") == 1
    assert measure(Handles(nothing)).get("lomi_backup_age_seconds") is None
    assert measure(Handles(nothing)).get("lomi_backup_found") == 0
    assert measure(Handles(Settings())).get("lomi_backup_found") is None
    assert measure(Handles(broken)).silent == {Source.BACKUPS: "backup.command ended with 1"}


def test_a_second_of_looking_costs_redis_two_round_trips_and_a_dozen_commands(
    bench: Bench, client: redis.Redis, registry: WorkerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over two minutes of ticks, with 16 workers that each hold a job, and a long list."""
    for number in range(16):
        registry.register(worker(f"w{number}"))
    bench.push(*(b'{"job_id": "j%d"}' % number for number in range(2000)))
    for number in range(16):
        bench.take(f"w{number}/0")
    time, trips, ticks = [0.0], [0], 120
    meter = Meter(bench.client, clock=lambda: time[0])
    meter.read()
    pipeline = bench.client.pipeline

    def counted(**options: Any) -> Any:
        trips[0] += 1
        return pipeline(**options)

    monkeypatch.setattr(bench.client, "pipeline", counted)
    client.config_resetstat()
    most = 0
    for tick in range(ticks):
        time[0], trips[0] = float(tick + 1), 0
        meter.read()
        most = max(most, trips[0])
    calls = {name: stat["calls"] for name, stat in client.info("commandstats").items()}
    asked = sum(calls.values()) - calls.get("cmdstat_config|resetstat", 0)

    assert most <= 2
    assert asked / ticks <= 12, calls


def test_what_is_measured_is_in_the_table_with_the_labels_that_the_table_says(
    cluster: OldCluster, bench: Bench, database: Database, registry: WorkerRegistry
) -> None:
    registry.register(worker("b1"))
    bench.push(b'{"job_id": "x"}')
    bench.queue.fail(bench.take(), OUTAGE)
    table = {measure.name: measure for measure in MEASURES}
    histograms = {
        f"{each.name}{part}"
        for each in MEASURES if each.kind is Kind.HISTOGRAM
        for part in ("_bucket", "_sum", "_count")
    }  # fmt: skip
    for name, labels in look(bench, database).values:
        if name not in histograms:
            assert tuple(label for label, _ in labels) == table[name].labels, name


def test_who_may_not_ask_redis_for_its_state_knows_the_rest(bench: Bench, client: redis.Redis) -> None:
    client.execute_command("ACL", "SETUSER", "narrow", "on", ">pass", "~*", "+@all", "-info")  # type: ignore[no-untyped-call]
    host = client.connection_pool.connection_kwargs
    section = {"host": "127.0.0.1", "port": host["port"], "username": "narrow", "password": "pass"}
    bench.push(b'{"job_id": "x"}')
    try:
        with queue_client(RedisSection.model_validate(section)) as narrow:
            now = measure(Handles(SETTINGS, narrow), patience_s=60)
    finally:
        client.execute_command("ACL", "DELUSER", "narrow")  # type: ignore[no-untyped-call]

    assert now.silent == {}
    assert now.get("lomi_queue_jobs", state="ready") == 1
    assert now.get("lomi_redis_memory_bytes") is None


@pytest.mark.parametrize(
    ("block", "index"),
    [
        ("measured_undecided", "idx_media_moderation_status"), ("measured_decisions", "decisions_at"),
        ("measured_rejected", "decisions_at"), ("measured_ended", "jobs_settled_at"), ("measured_ended", "job_ends_at"),
        ("measured_work", "jobs_settled_at"),
    ],
)  # fmt: skip
def test_a_question_that_is_asked_again_and_again_has_an_index(cluster: OldCluster, block: str, index: str) -> None:
    with cluster.sql() as pg:
        pg.execute("SET enable_seqscan = off")
        plan = pg.execute(b"EXPLAIN " + blocks()[block].text.encode(), {"seconds": 60.0}).fetchall()
    lines = [line for row in plan for line in row.values()]
    assert any(f"using {index} " in line or f"on {index} " in line for line in lines), lines
    assert not any("Seq Scan" in line for line in lines), lines


def test_a_question_that_runs_into_its_timeout_silences_nothing_but_itself(cluster: OldCluster, bench: Bench) -> None:
    with cluster.sql() as pg:
        pg.execute("ALTER TABLE lomi.jobs RENAME TO jobs_away")
    with Database(cluster.database_url) as database:
        now = Measuring(readers(Handles(SETTINGS, bench.client, database))).tick(60)

    assert now.silent == {}
    assert now.get("lomi_photos_undecided", waits="worker") == 0
    assert now.get("lomi_batches_ended", window="5m") is None
