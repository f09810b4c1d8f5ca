"""`lomi check` on real services, one of them in trouble at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.config.schema import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.conftest import Lomi, Said, another_database
from tests.integration.ops.old_cluster import QUEUE, OldCluster
from tests.services import free_port


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield JobQueue(client, attempts=1)
    client.close()


@pytest.fixture
def registry(redis_url: str) -> Iterator[WorkerRegistry]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield WorkerRegistry(client)
    client.close()


def worker(boot: str, sha256: str = "ab") -> WorkerInfo:
    return WorkerInfo(boot, "host-1", 77, "0.1.0", 1, (EngineInfo("nsfw", "nudenet-320n", sha256),), "local@1")


def found(said: Said) -> dict[str, dict[str, Any]]:
    return {check["slug"]: check for check in said.document["checks"]}


def statuses(said: Said) -> dict[str, str]:
    return {slug: check["status"] for slug, check in found(said).items()}


def test_a_sound_cluster_passes_and_says_so(cluster: OldCluster, registry: WorkerRegistry, lomi: Lomi) -> None:
    registry.register(worker("b1"))

    said = lomi("check", "-o", "json")

    assert said.code == 0
    assert {slug: status for slug, status in statuses(said).items() if status != "pass"} == {
        "faces.health": "skip", "faces.key": "skip",
    }  # fmt: skip
    assert said.document["summary"]["fail"] == 0
    assert found(said)["workers.models"]["detail"] == "nsfw: nudenet-320n"
    text = lomi("check")
    assert text.out.splitlines()[-1] == f"{len(found(said))} checks: {len(found(said)) - 2} pass, 2 skip"
    assert text.err == ""


def test_a_redis_that_is_gone_is_one_failure_and_everything_on_it_is_blocked(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")

    said = lomi("check", "-o", "json")

    assert said.code == 1
    failed = [slug for slug, status in statuses(said).items() if status == "fail"]
    assert failed == ["redis.ping"]
    on_redis = [slug for slug in statuses(said) if slug.startswith(("redis.", "queue.", "workers."))][1:]
    assert {statuses(said)[slug] for slug in on_redis} == {"blocked"}
    assert {found(said)[slug]["detail"] for slug in on_redis} == {"needs redis.ping"}
    assert statuses(said)["postgres.pending"] == statuses(said)["objects.read"] == "pass"
    last = lomi("check").out.splitlines()[-1]
    assert last == "redis.ping: see whether it runs where we look for it: lomi config show --origin"


def test_a_postgres_that_is_gone_blocks_only_what_stands_on_it(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://x:y@127.0.0.1:{free_port()}/lomi")

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert {slug: status for slug, status in statuses(said).items() if slug.startswith("postgres.")} == {
        "postgres.ping": "fail", "postgres.media": "blocked", "postgres.schema": "blocked",
        "postgres.pending": "blocked",
    }  # fmt: skip
    assert statuses(said)["redis.ping"] == "pass"


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
    assert found(said)["redis.ping"]["hint"] == "check redis.username and redis.password"
    assert "password" in found(said)["postgres.ping"]["hint"]
    assert "canary" not in said.out + said.err


def test_a_redis_that_evicts_and_forgets_is_not_fit(
    cluster: OldCluster, client: redis.Redis, registry: WorkerRegistry, lomi: Lomi
) -> None:
    registry.register(worker("b1"))
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("appendonly", "no")
    try:
        said = lomi("check")
        assert lomi("check", "-o", "json").code == said.code == 1
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")

    assert "allkeys-lru: jobs are thrown away" in said.out
    assert [line.partition(":")[0] for line in said.out.splitlines()[-2:]] == [
        "redis.persistence", "redis.maxmemory_policy",
    ]  # fmt: skip


def test_what_waits_died_or_is_held_up_is_told(
    cluster: OldCluster, queue: JobQueue, registry: WorkerRegistry, lomi: Lomi
) -> None:
    registry.register(worker("b1"))
    registry.register(worker("b2", sha256="cd"))
    queue.pause("Hana", "deploy")
    for _ in range(11):
        cluster.push(cluster.job(cluster.user, [cluster.user], ago=timedelta(hours=1)))

    said = lomi("check", "-o", "json")

    assert said.code == 0, "warnings are fine"
    assert {slug for slug, status in statuses(said).items() if status == "warn"} == {
        "queue.backlog", "queue.oldest", "queue.open", "workers.models",
    }  # fmt: skip
    assert found(said)["queue.backlog"]["detail"] == "11 jobs wait"
    assert found(said)["queue.open"]["detail"] == "paused by Hana: deploy"


def test_a_dead_letter_fails(cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi) -> None:
    from lomi_ops.domain.attempt import ErrorClass, Failure
    from lomi_ops.queue.replies import Claimed

    client.lpush(QUEUE, "not json")
    held = queue.claim("b1/0", 1, "t1")
    assert isinstance(held, Claimed)
    queue.fail(held, Failure(ErrorClass.POISON, "not_json", "this is no job"))

    said = lomi("check")

    assert said.code == 1
    assert said.out.splitlines()[-1] == "queue.dead: lomi queue dead"
    dead = lomi("queue", "dead")
    assert "this is no job" in dead.out


def test_a_held_upstream_and_unheard_results_are_warned_about(
    cluster: OldCluster, queue: JobQueue, registry: WorkerRegistry, lomi: Lomi
) -> None:
    registry.register(worker("b1"))
    queue.hold("faces", 60, "gone")
    queue.announce("m1", b"{}")

    said = lomi("check", "-o", "json")

    assert said.code == 0
    assert found(said)["queue.open"]["detail"] == "claims wait for faces"
    assert found(said)["queue.heard"]["detail"] == "1 result had no listener on moderation_results"


def test_workers_that_fell_silent_fail_and_one_among_others_is_a_warning(
    cluster: OldCluster, client: redis.Redis, registry: WorkerRegistry, lomi: Lomi
) -> None:
    registry.register(worker("b1"))
    registry.register(worker("b2"))
    for boot, status in (("b1", "warn"), ("b2", "fail")):
        client.hset(registry.keys.worker(boot), "beat_ms", 1)
        said = lomi("check", "-o", "json")
        assert statuses(said)["workers.alive"] == status

    assert found(said)["workers.alive"]["detail"] == "2 of 2 without a beat: host-1/77, host-1/77"


def test_a_missing_object_folder_is_told_with_the_way_out(cluster: OldCluster, lomi: Lomi) -> None:
    for folder in sorted(cluster.objects.rglob("*"), reverse=True):
        folder.rmdir()
    cluster.objects.rmdir()

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert statuses(said)["objects.read"] == "fail"
    assert "does not exist" in found(said)["objects.read"]["detail"]
    assert "objects.directory" in found(said)["objects.read"]["hint"]


def test_a_foreign_database_and_a_half_migrated_one_are_told_apart(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = another_database(cluster.database_url)
    monkeypatch.setenv("LOMI_DATABASE_URL", foreign)
    said = lomi("check", "-o", "json")
    assert found(said)["postgres.media"]["detail"] == "there is no table media: not the backend's database"
    half = OldCluster(cluster.redis_url, foreign, cluster.objects / "more")
    half.build(moderation=False)

    said = lomi("check", "-o", "json")

    assert said.code == 1
    assert found(said)["postgres.media"]["detail"].startswith("missing: moderation_status, moderation_reason")
    assert found(said)["postgres.media"]["hint"] == "lomi migrate apply"
    assert statuses(said)["postgres.pending"] == "blocked"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ("UPDATE lomi.schema_migrations SET checksum = 'x'", "fail", "ran with another text"),
        ("INSERT INTO lomi.schema_migrations VALUES (9999, 'future', 'x')", "fail", "newer than this lomi"),
        ("DELETE FROM lomi.schema_migrations", "warn", "no schema lomi"),
    ],
)
def test_a_schema_that_is_not_ours_is_told(
    cluster: OldCluster, lomi: Lomi, change: str, status: str, words: str
) -> None:
    with cluster.sql() as pg:
        pg.execute(change.encode())

    said = lomi("check", "-o", "json")

    assert found(said)["postgres.schema"]["status"] == status
    assert words in found(said)["postgres.schema"]["detail"]


def test_photos_that_were_never_queued_are_counted(cluster: OldCluster, lomi: Lomi) -> None:
    cluster.photo()

    said = lomi("check", "-o", "json")

    assert found(said)["postgres.pending"]["detail"] == "1 wait for a worker, 0 for a person; 1 were never queued"


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
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as hole:
        for name, value in {
            "LOMI_REDIS_URL": f"redis://127.0.0.1:{hole.port}",
            "LOMI_REDIS__TIMEOUT_S": "4.5",
            "LOMI_REDIS__DOORBELL_S": "1",
            "LOMI_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{hole.port}/x?sslmode=disable",
            "LOMI_DATABASE__CONNECT_TIMEOUT_S": "2",
            "LOMI_COMPREFACE_URL": f"http://127.0.0.1:{hole.port}",
            "LOMI_COMPREFACE__TIMEOUT_S": "1",
        }.items():
            monkeypatch.setenv(name, value)
        said = lomi("check", "-o", "json")

    assert said.code == 3, "nobody can tell"
    silent = ["redis.ping", "postgres.ping", "faces.health"]
    assert {slug: check["status"] for slug, check in found(said).items() if slug in silent} == dict.fromkeys(
        silent, "unknown"
    )
    assert all(found(said)[slug]["detail"].startswith("timeout: ") for slug in silent)
    assert all(found(said)[slug]["hint"] for slug in silent)


OUTCOMES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "fine": lambda patch: None,
    "failed": lambda patch: patch.setenv("LOMI_OBJECTS", "/nowhere/at/all"),
    "misconfigured": lambda patch: patch.setenv("LOMI_WORKER__SLOTS", "many"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_exit_code_is_the_same_in_every_format(
    cluster: OldCluster, registry: WorkerRegistry, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    registry.register(worker("b1"))
    OUTCOMES[outcome](monkeypatch)

    codes = {format_: lomi("check", "-o", format_).code for format_ in ("text", "json", "jsonl")}

    assert set(codes.values()) == {{"fine": 0, "failed": 1, "misconfigured": 2}[outcome]}


def test_jsonl_has_one_record_for_each_check(cluster: OldCluster, lomi: Lomi) -> None:
    records = lomi("check", "-o", "jsonl").records

    assert [record["slug"] for record in records] == list(found(lomi("check", "-o", "json")))
