"""`lomi check` on real services, one of them in trouble at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.cli.check_formats import CheckFormat
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import WorkerRegistry
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.conftest import (
    ONLY_SERVED,
    Lomi,
    Sound,
    another_database,
    checks,
    on,
    statuses,
    tasks,
    troubled,
    worker,
)
from tests.integration.ops.old_cluster import QUEUE, OldCluster
from tests.services import free_port


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield JobQueue(client, attempts=1)
    client.close()


def test_a_sound_cluster_passes_and_says_so(sound: Sound, lomi: Lomi) -> None:
    said = lomi("check", "-o", "json")

    assert troubled(said) == {}
    assert checks(said)["workers.models"]["detail"] == "nsfw: nudenet-320n@3.4.2/rgb"
    assert {slug for slug, status in statuses(said).items() if status == "skip"} >= {"objects.canary", "rates.errors"}


def test_a_text_run_ends_with_what_is_to_be_done_and_the_counts(sound: Sound, lomi: Lomi) -> None:
    counts = lomi("check", "--only", "redis", "-o", "json").document["summary"]
    fine = lomi("check", "--only", "redis")
    sound.telegram.token = "another"

    bad = lomi("check", "--only", "redis", "--only", "telegram")

    assert fine.out.splitlines()[-1].startswith(f"{counts['pass']} checks: {counts['pass']} pass, ")
    assert fine.err == ""
    assert tasks(bad) == ["telegram.bot"]
    assert bad.out.splitlines()[-4:-2] == [
        "  get the token from @BotFather anew", "  lomi help LOMI-TELEGRAM-001",
    ]  # fmt: skip
    assert f"{counts['pass']} pass, 1 fail, " in bad.out.splitlines()[-1]


def test_a_redis_that_is_gone_is_one_failure_and_everything_on_it_is_blocked(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert {"queue.dead", "workers.configured", "rates.throughput", "host.clock_redis"} < on("redis.ping")
    assert troubled(said) == {"redis.ping": "fail", **dict.fromkeys(on("redis.ping"), "blocked")}
    assert {checks(said)[slug]["detail"] for slug in on("redis.ping")} == {"needs redis.ping"}
    assert tasks(lomi("check", *ONLY_SERVED)) == ["redis.ping"]


def test_a_postgres_that_is_gone_blocks_only_what_stands_on_it(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"postgresql://x:long-enough@127.0.0.1:{free_port()}/lomi"
    monkeypatch.setenv("LOMI_DATABASE_URL", gone)

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert {"postgres.backfill", "rates.time", "host.clock_postgres"} < on("postgres.ping")
    assert troubled(said) == {"postgres.ping": "fail", **dict.fromkeys(on("postgres.ping"), "blocked")}


def test_a_wrong_password_is_named_and_not_shown(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = urlsplit(cluster.redis_url)
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://:wrong-canary@{place.hostname}:{place.port}/0")
    database = urlsplit(cluster.database_url)
    monkeypatch.setenv(
        "LOMI_DATABASE_URL", f"postgresql://lomi:wrong-canary@{database.hostname}:{database.port}{database.path}"
    )

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert statuses(said)["redis.ping"] == statuses(said)["postgres.ping"] == "fail"
    assert checks(said)["redis.ping"]["hint"] == "check redis.username and redis.password"
    assert "password" in checks(said)["postgres.ping"]["hint"]
    assert "wrong-canary" not in said.out + said.err


def test_a_redis_that_evicts_and_forgets_is_not_fit(sound: Sound, client: redis.Redis, lomi: Lomi) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("appendonly", "no")
    try:
        said = lomi("check", *ONLY_SERVED)
        assert lomi("check", "-o", "json").code == said.code == 1
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")

    assert "allkeys-lru: jobs are thrown away" in said.out
    assert tasks(said) == ["redis.persistence", "redis.maxmemory_policy"]


def test_what_waits_died_or_is_held_up_is_told(sound: Sound, queue: JobQueue, lomi: Lomi) -> None:
    queue.pause("Hana", "deploy")
    cluster = sound.cluster
    for _ in range(11):
        cluster.push(cluster.job(cluster.user, [cluster.user], ago=timedelta(hours=1)))

    said = lomi("check", "-o", "json", *ONLY_SERVED)

    assert said.code == 0, "warnings are fine"
    assert troubled(said) == dict.fromkeys(("queue.backlog", "queue.oldest", "queue.open"), "warn")
    assert checks(said)["queue.backlog"]["detail"] == "11 jobs wait"
    assert checks(said)["queue.open"]["detail"] == "paused by Hana: deploy"


def test_a_dead_letter_fails(sound: Sound, client: redis.Redis, queue: JobQueue, lomi: Lomi) -> None:
    from lomi_ops.domain.attempt import ErrorClass, Failure
    from lomi_ops.queue.replies import Claimed

    client.lpush(QUEUE, "not json")
    held = queue.claim("b1/0", 1, "t1")
    assert isinstance(held, Claimed)
    queue.fail(held, Failure(ErrorClass.POISON, "not_json", "this is no job"))

    said = lomi("check", *ONLY_SERVED)

    assert said.code == 1
    assert tasks(said)[-1] == "queue.dead"
    assert said.out.splitlines()[-4] == "  lomi queue dead"
    dead = lomi("queue", "dead")
    assert "this is no job" in dead.out


def test_a_held_upstream_and_unheard_results_are_warned_about(sound: Sound, queue: JobQueue, lomi: Lomi) -> None:
    queue.hold("faces", 60, "gone")
    sound.ear.unsubscribe()  # type: ignore[no-untyped-call]
    while sound.ear.subscribed:  # until the server has said so: it serves another connection meanwhile
        sound.ear.get_message(timeout=5)
    queue.announce("m1", b"{}")

    said = lomi("check", "-o", "json", *ONLY_SERVED)

    assert troubled(said) == {"queue.open": "warn", "queue.heard": "warn", "queue.listened": "fail"}
    assert checks(said)["queue.open"]["detail"] == "claims wait for faces"
    assert checks(said)["queue.heard"]["detail"] == "1 result had no listener on moderation_results"


def test_workers_that_fell_silent_fail_and_one_among_others_is_a_warning(
    cluster: OldCluster, client: redis.Redis, registry: WorkerRegistry, lomi: Lomi
) -> None:
    registry.register(worker("b1"))
    registry.register(worker("b2"))
    for boot, status in (("b1", "warn"), ("b2", "fail")):
        client.hset(registry.keys.worker(boot), "beat_ms", 1)
        said = lomi("check", "-o", "json")
        assert statuses(said)["workers.alive"] == status

    assert checks(said)["workers.alive"]["detail"] == "2 of 2 without a beat: host-1/77, host-1/77"


def test_a_missing_object_folder_is_told_with_the_way_out(cluster: OldCluster, lomi: Lomi) -> None:
    for folder in sorted(cluster.objects.rglob("*"), reverse=True):
        folder.rmdir()
    cluster.objects.rmdir()

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert statuses(said)["objects.read"] == "fail"
    assert "does not exist" in checks(said)["objects.read"]["detail"]
    assert "objects.directory" in checks(said)["objects.read"]["hint"]


def test_a_foreign_database_and_a_half_migrated_one_are_told_apart(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = another_database(cluster.database_url)
    monkeypatch.setenv("LOMI_DATABASE_URL", foreign)
    said = lomi("check", "-o", "json")
    assert checks(said)["postgres.media"]["detail"] == "there is no table media: not the backend's database"
    half = OldCluster(cluster.redis_url, foreign, cluster.objects / "more")
    half.build(moderation=False)

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert checks(said)["postgres.media"]["detail"].startswith("missing: batch_id, moderated_at, moderation_reason")
    assert checks(said)["postgres.media"]["hint"] == "lomi migrate apply"
    assert statuses(said)["postgres.pending"] == "blocked"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ("UPDATE lomi.schema_migrations SET checksum = 'x'", "fail", "ran with another text"),
        ("INSERT INTO lomi.schema_migrations VALUES (9999, 'future', 'x')", "warn", "newer than this lomi"),
        ("DELETE FROM lomi.schema_migrations", "warn", "no schema lomi"),
    ],
)
def test_a_schema_that_is_not_ours_is_told(
    cluster: OldCluster, lomi: Lomi, change: str, status: str, words: str
) -> None:
    with cluster.sql() as pg:
        pg.execute(change.encode())

    said = lomi("check", "-o", "json")

    assert checks(said)["postgres.schema"]["status"] == status
    assert words in checks(said)["postgres.schema"]["detail"]


def test_photos_that_were_never_queued_are_counted(cluster: OldCluster, lomi: Lomi) -> None:
    cluster.photo()

    said = lomi("check", "-o", "json")

    assert checks(said)["postgres.pending"]["detail"] == "1 wait for a worker, 0 for a person; 1 were never queued"


def test_compreface_is_asked_where_there_is_one(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CompreFaceDouble() as faces:
        monkeypatch.setenv("LOMI_COMPREFACE_URL", faces.api_url)
        said = lomi("check", "-o", "json")
        assert statuses(said)["faces.health"] == "pass"
        assert statuses(said)["faces.key"] == "warn"
        monkeypatch.setenv("LOMI_COMPREFACE_URL", f"{faces.url},http://127.0.0.1:{free_port()}")
        assert statuses(lomi("check", "-o", "json"))["faces.health"] == "warn"
    said = lomi("check", "-o", "json")
    assert statuses(said)["faces.health"] == "fail"
    assert statuses(said)["faces.key"] == "blocked"


def test_services_that_never_answer_are_named_as_timeouts(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as hole:
        for name, value in {
            "LOMI_REDIS_URL": f"redis://127.0.0.1:{hole.port}",
            "LOMI_REDIS__TIMEOUT_S": "4.5",
            "LOMI_REDIS__DOORBELL_S": "1",
            "LOMI_DATABASE_URL": f"postgresql://u:long-enough@127.0.0.1:{hole.port}/x?sslmode=disable",
            "LOMI_DATABASE__CONNECT_TIMEOUT_S": "2",
            "LOMI_COMPREFACE_URL": f"http://127.0.0.1:{hole.port}",
            "LOMI_COMPREFACE__TIMEOUT_S": "1",
            "LOMI_BACKEND__URL": f"http://127.0.0.1:{hole.port}",
        }.items():
            monkeypatch.setenv(name, value)
        said = lomi("check", "-o", "json")

    assert said.code == 3, "nobody can tell"
    silent = ["redis.ping", "postgres.ping", "faces.health"]
    blocked = {slug for root in silent for slug in on(root)}
    assert troubled(said) == dict.fromkeys(blocked, "blocked") | dict.fromkeys(silent, "unknown")
    assert all(checks(said)[slug]["detail"].startswith("timeout: ") for slug in silent)
    assert all(checks(said)[slug]["hint"] for slug in silent)


@dataclass(frozen=True)
class Outcome:
    """How to bring a run to its end, and its exit codes: in every format, and in Nagios'."""

    code: int
    nagios: int
    cause: Callable[[Sound, pytest.MonkeyPatch], object] = lambda sound, patch: None
    words: tuple[str, ...] = ()


def _forgets(sound: Sound, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("LOMI_CHECKS__WORKERS")


def _nobody_knows(sound: Sound, patch: pytest.MonkeyPatch) -> None:
    sound.registry.deregister("b1")
    patch.delenv("LOMI_CHECKS__WORKERS")


def _fails(sound: Sound, patch: pytest.MonkeyPatch) -> None:
    _nobody_knows(sound, patch)
    patch.setenv("LOMI_OBJECTS", "/nowhere/at/all")


OUTCOMES = {
    "fine": Outcome(0, 0),
    "warned": Outcome(0, 1, _forgets),
    "warned, and that counts": Outcome(4, 1, _forgets, ("--fail-on", "warning")),
    "unknown": Outcome(3, 3, _nobody_knows),
    "unknown, and warnings count": Outcome(3, 3, _nobody_knows, ("--fail-on", "warning")),
    "failed, beside doubts and warnings": Outcome(1, 2, _fails, ("--fail-on", "warning")),
    "misconfigured": Outcome(2, 3, lambda sound, patch: patch.setenv("LOMI_WORKER__SLOTS", "many")),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_exit_code_is_the_same_in_every_format_but_nagios(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    outcome = OUTCOMES[name]
    outcome.cause(sound, monkeypatch)

    codes = {format_: lomi("check", "-o", format_, *ONLY_SERVED, *outcome.words).code for format_ in CheckFormat}

    assert codes.pop(CheckFormat.NAGIOS) == outcome.nagios
    assert set(codes.values()) == {outcome.code}


def test_jsonl_has_one_record_for_each_check_as_it_ends_and_then_the_summary(sound: Sound, lomi: Lomi) -> None:
    *records, last = lomi("check", "-o", "jsonl").records

    document = lomi("check", "-o", "json").document
    assert sorted(record["slug"] for record in records) == sorted(check["slug"] for check in document["checks"])
    assert {record["event"] for record in records} == {"check"}
    assert last["event"] == "summary"
    assert last["summary"] == document["summary"]
