"""`lomi workers list|inspect|quiet|resume` on real containers, a real registry and a real audit."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.golden import Golden
from lomi_ops.domain.worker_log import READY_LINE
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed, Paused
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerMode, WorkerRegistry
from tests.commands import Lomi, Said
from tests.docker_engine import Fleet
from tests.integration.ops.conftest import cluster, lomi, old, point, quiet_machine
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.queue.producer import element
from tests.services import free_port

__all__ = ["cluster", "lomi", "old", "point", "quiet_machine"]

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
OLD_ONE = f"echo 'INFO:__main__:{READY_LINE}'; {FOREVER}"
FAILS = "echo 'redis.exceptions.ConnectionError: Error 111 connecting to redis:6379.'; exit 1"


@pytest.fixture
def registry(redis_url: str) -> Iterator[WorkerRegistry]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield WorkerRegistry(client)
    client.close()


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield JobQueue(client)
    client.close()


@pytest.fixture
def crew(fleet: Fleet, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The commands see this engine's project and this Redis, and nothing else."""
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
    monkeypatch.setenv("LOMI_DOCKER__HOST", fleet.url)
    monkeypatch.setenv("LOMI_DOCKER__TIMEOUT_S", "60")
    monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
    return fleet


def ours(registry: WorkerRegistry, host: str, pid: int = 1, boot: str = "") -> WorkerInfo:
    """A worker of lomi registers, as it does in its container."""
    engines = (EngineInfo("nsfw", "nudenet-320n@3.4.2/rgb", "ab" * 32), EngineInfo("faces", "compreface"))
    info = WorkerInfo(boot or str(uuid.uuid4()), host, pid, "0.1.0", 2, engines, "default@1", Golden({"porn": 0.1}, 1))
    registry.register(info)
    return info


def ready_line(boot: str) -> str:
    return f'{{"ts":"2026-11-26T09:00:00.000+00:00","action":"worker_ready","msg":"{READY_LINE}","boot":"{boot}"}}'


def states(said: Said) -> dict[str, str]:
    return {each["name"]: each["state"] for each in said.document["workers"]}


def test_old_workers_ours_broken_ones_and_processes_are_one_list(
    crew: Fleet, lomi: Lomi, registry: WorkerRegistry, queue: JobQueue, redis_url: str
) -> None:
    crew.await_log(crew.run(WORKERS, OLD_ONE, mem_limit="64m"), READY_LINE)
    mine = ours(registry, crew.run(WORKERS, FOREVER, number=2, mem_limit="64m")[:12])
    crew.await_state(crew.run(WORKERS, FAILS, number=3), "exited")
    ours(registry, "web-9", 4711)
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("photo_moderation_queue", element(), element())
    held = queue.claim(f"{mine.boot}/0", 1, "t1")
    done = queue.claim(f"{mine.boot}/1", 1, "t2")
    assert isinstance(held, Claimed)
    assert isinstance(done, Claimed)
    queue.finish(done.job_id, done.token)

    registry.register(mine)  # as at each beat: else a busy machine takes it for one of before the container's start
    said = lomi("workers", "list", "-o", "json", "--memory")

    assert (said.code, said.err) == (0, "")
    name = f"{crew.project}-{WORKERS}"
    assert states(said) == {
        f"{name}-1": "ready", f"{name}-2": "busy", f"{name}-3": "stopped", "web-9/4711": "ready",
    }  # fmt: skip
    one, two, three, four = said.document["workers"]
    assert (one["old"], one["idle"], one["registered"]) == (True, None, None)
    assert one["ready_at"] is not None
    assert (two["old"], two["idle"]) == (False, False)
    assert (two["registered"]["jobs"], two["registered"]["done"], two["registered"]["errors"]) == ([held.job_id], 1, 0)
    assert two["container"]["memory_limit"] == 64 << 20
    assert 0 < two["container"]["memory_used"] < 64 << 20
    assert (three["container"]["exit_code"], three["container"]["memory_used"]) == (1, None)
    assert "Error 111" in three["trouble"]
    assert (four["container"], four["idle"]) == (None, True)
    assert len(lomi("workers", "list", "-o", "jsonl").records) == 4

    registry.register(mine)
    text = lomi("workers", "list").out
    assert "4 workers: 2 ready, 1 busy, 1 stopped" in text
    assert f"{name}-1: an old worker: model loaded" in text
    assert f"{name}-2: has job {held.job_id}" in text
    assert f"{name}-3: exit code 1: redis.exceptions.ConnectionError" in text
    assert "old workers do not register" in text

    registry.register(mine)
    shown = lomi("workers", "inspect", f"{WORKERS}-2", "-o", "json").document
    assert shown["jobs"][0]["job_id"] == held.job_id
    assert shown["jobs"][0]["photos"]
    assert shown["registered"]["engines"][0]["sha256"] == "ab" * 32
    registry.register(mine)
    words = lomi("workers", "inspect", f"{WORKERS}-2").out
    for each in ("ab" * 32, "default@1", "porn 0.100; 1 face", f"lomi queue show {held.job_id}", "64 MiB at most"):
        assert each in words
    assert "PATH" not in words + lomi("workers", "inspect", f"{WORKERS}-2", "-o", "json").out, "no environment"


def test_a_worker_in_the_machines_network_is_known_by_what_it_logged(
    crew: Fleet, lomi: Lomi, registry: WorkerRegistry
) -> None:
    host = os.uname().nodename
    boots = [ours(registry, host, 7).boot for _ in range(2)]
    for number, boot in enumerate(boots, start=1):
        script = f"echo '{ready_line(boot)}'; {FOREVER}"
        made = crew.run(WORKERS, script, number=number, network_mode="host")
        crew.await_log(made, READY_LINE)

    found = lomi("workers", "list", "-o", "json").document["workers"]

    assert [each["registered"]["boot"] for each in found] == boots
    assert all(each["container"] for each in found)


def test_a_container_that_was_restarted_is_not_its_last_life(
    crew: Fleet, lomi: Lomi, registry: WorkerRegistry, redis_url: str
) -> None:
    made = crew.run(WORKERS, FOREVER)
    dead = ours(registry, made[:12], boot="dead")
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"{{photo_moderation_queue}}:worker:{dead.boot}", "beat_ms", 1)

    starting = lomi("workers", "list", "-o", "json").document["workers"]
    ours(registry, made[:12], boot="alive")
    again = lomi("workers", "inspect", WORKERS, "-o", "json").document

    assert [(each["state"], each["registered"]) for each in starting] == [("starting", None)]
    assert (again["state"], again["registered"]["boot"]) == ("ready", "alive")
    assert [each["boot"] for each in again["earlier"]] == ["dead"]


def test_without_redis_the_containers_are_shown_and_it_cannot_tell(
    crew: Fleet, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.await_log(crew.run(WORKERS, OLD_ONE), READY_LINE)
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")

    said = lomi("workers", "list", "-o", "json")

    assert said.code == 3
    assert list(states(said).values()) == ["ready"]
    assert (said.document["redis"], said.document["docker"]) == (False, True)
    assert said.document["problems"][0].startswith("Redis at")
    assert lomi("workers", "quiet", "--all").code == 3


def test_without_docker_the_registry_is_shown_and_it_cannot_tell(
    crew: Fleet, lomi: Lomi, registry: WorkerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours(registry, "web-9", 4711)
    monkeypatch.setenv("LOMI_DOCKER__HOST", "unix:///nowhere.sock")

    said = lomi("workers", "list")

    assert said.code == 3
    assert "web-9/4711" in said.out
    assert "there is no such socket" in said.err
    monkeypatch.delenv("LOMI_DOCKER__HOST")
    assert lomi("workers", "list").code == 0, "a machine without an engine is no failure"


def test_nobody_at_all_is_said_with_the_next_command(crew: Fleet, lomi: Lomi) -> None:
    said = lomi("workers", "list")

    assert (said.code, said.out) == (0, "there is no worker to be seen: lomi worker starts one\n")


# --- quiet and resume -------------------------------------------------------------------------------------------------


def test_a_quiet_worker_claims_nothing_until_it_is_resumed_and_the_audit_knows_who(
    crew: Fleet, lomi: Lomi, cluster: OldCluster, registry: WorkerRegistry, queue: JobQueue
) -> None:
    mine = ours(registry, crew.run(WORKERS, FOREVER)[:12])
    cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    name = f"{crew.project}-{WORKERS}-1"

    said = lomi("workers", "quiet", name, "--as", "Hana", "--reason", "disk")

    assert (said.code, said.err, said.out) == (0, "", f"{name} takes no more\n")
    assert isinstance(queue.claim(f"{mine.boot}/0", 1, "t"), Paused)
    assert f"lomi workers resume {name}" in lomi("workers", "list").out
    assert "as before" in lomi("workers", "quiet", name).out
    body = lomi("workers", "resume", "--all", "--as", "Hana", "-o", "json").document
    assert body["workers"] == [{"name": name, "answer": "told", "why": "", "jobs": []}]
    assert isinstance(queue.claim(f"{mine.boot}/0", 2, "t"), Claimed)
    with cluster.sql() as pg:
        found = pg.execute("SELECT actor, action, subject, reason FROM lomi.audit ORDER BY id").fetchall()
    assert [tuple(row.values()) for row in found] == [
        ("Hana", "workers.quiet", f"worker:{name}", "disk"), ("Hana", "workers.resume", f"worker:{name}", ""),
    ]  # fmt: skip


def test_a_dry_run_tells_nobody(crew: Fleet, lomi: Lomi, registry: WorkerRegistry) -> None:
    ours(registry, "web-9", 4711)

    said = lomi("workers", "quiet", "--all", "--dry-run")

    assert (said.code, said.out) == (0, "web-9/4711 would: takes no more\n")
    assert registry.list()[0].mode is WorkerMode.RUNNING


def test_an_old_worker_takes_no_orders_and_nothing_is_done_by_halves(
    crew: Fleet, lomi: Lomi, registry: WorkerRegistry
) -> None:
    crew.await_log(crew.run(WORKERS, OLD_ONE), READY_LINE)
    ours(registry, "web-9", 4711)
    name = f"{crew.project}-{WORKERS}-1"

    both = lomi("workers", "quiet", name, "web-9/4711")

    assert (both.code, both.out) == (5, "")
    assert f"{name}: an old worker takes no orders; nothing was changed" in both.err
    assert registry.list()[0].mode is WorkerMode.RUNNING
    everyone = lomi("workers", "quiet", "--all")
    assert everyone.code == 5
    assert "1 other told" in everyone.err
    assert registry.list()[0].mode is WorkerMode.QUIET
    assert lomi("workers", "resume", "--all").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(("quiet", "moderator-wroker-1"), 1, "did you mean moderator-worker-1?"), (("quiet",), 2, "which workers?"),
     (("quiet", "x", "--all"), 2, "contradict"), (("inspect", "nobody"), 1, "there is no worker nobody"),
     (("resume", "web"), 2, "web may be 2 workers")],
)  # fmt: skip
def test_a_name_that_is_none_or_several_is_told(
    crew: Fleet, lomi: Lomi, registry: WorkerRegistry, words: tuple[str, ...], code: int, said: str
) -> None:
    crew.run(WORKERS, FOREVER)
    for pid in (1, 2):
        ours(registry, "web-9", pid)

    found = lomi("workers", *words)

    assert (found.code, found.out) == (code, "")
    assert said in found.err
    assert "try: " in found.err
