"""Old workers in real containers that do not start, and ours that fell silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.worker_log import READY_LINE
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.commands import Lomi
from tests.docker_engine import Fleet
from tests.integration.doctor.test_flow import found
from tests.integration.ops.old_cluster import OldCluster

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


@pytest.fixture
def registry(redis_url: str) -> Iterator[WorkerRegistry]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield WorkerRegistry(client)
    client.close()


@pytest.fixture
def production(old: OldCluster, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setenv("LOMI_DOCKER__HOST", fleet.url)
    monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
    return fleet


def said_in(fleet: Fleet, container: str, words: str) -> None:
    """Until the container has logged these words."""
    fleet.await_that(container, lambda said: words.encode() in fleet.api.logs(said["Id"]))


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_four_old_workers_that_are_ready_leave_nothing_to_tell(production: Fleet, lomi: Lomi) -> None:
    for number in (1, 2, 3, 4):
        said_in(production, production.run(WORKERS, f"echo '{READY_LINE}'; {FOREVER}", number=number), READY_LINE)

    said = lomi("doctor", "workers")

    assert (said.code, said.out) == (0, "nothing is wrong: workers\n")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
@pytest.mark.parametrize(
    ("line", "words", "command"),
    [
        ("OSError: We couldnt connect to https://huggingface.co to load this file", "its model does not load",
         "lomi workers logs "),
        ("HTTPConnectionPool(host=compreface): Max retries exceeded", "CompreFace does not answer it",
         "lomi doctor compreface"),
        ("redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair", "Redis does not let it in",
         "lomi check --only redis"),
        ("redis.exceptions.ConnectionError: Error 111 connecting to redis:6379.", "it does not reach Redis",
         "lomi check --only redis"),
        ("MemoryError", "it lacks memory", "docker update --memory 2g"),
    ],
)  # fmt: skip
def test_a_worker_that_does_not_start_is_explained_by_its_last_words(
    production: Fleet, lomi: Lomi, line: str, words: str, command: str
) -> None:
    made = production.run(WORKERS, f"echo Traceback; echo '{line}' >&2; exit 1")
    production.await_state(made, "exited")

    said = lomi("doctor", "workers", "-o", "json")

    assert said.code == 1
    assert found(said).keys() == {"workers.start"}
    start = found(said)["workers.start"]
    assert f"{words}: {line}" in start["seen"]
    assert sorted(start["lines"]) == sorted(["Traceback", line])
    assert start["next"].startswith(command)
    assert said.document["next"] == start["next"]


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_our_own_worker_in_a_container_names_its_way_out(production: Fleet, lomi: Lomi) -> None:
    line = json.dumps({"action": "worker_cannot_go_on", "msg": "model nudenet-320n is not installed",
                       "hint": "lomi models add nudenet-320n --accept-licence"})  # fmt: skip
    production.await_state(production.run(WORKERS, f"echo '{line}'; exit 2"), "exited")

    said = lomi("doctor", "workers")

    assert said.code == 1
    assert said.out.splitlines()[0] == "run next: lomi models add nudenet-320n --accept-licence"


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_workers_that_fail_alike_are_one_finding(production: Fleet, lomi: Lomi) -> None:
    for number in (1, 2, 3):
        made = production.run(WORKERS, f"echo 'Error 111 connecting to redis:6379.'; {FOREVER}", number=number)
        said_in(production, made, "Error 111")

    said = lomi("doctor", "workers", "-o", "json")

    assert len(said.document["findings"]) == 1
    assert found(said)["workers.start"]["seen"].startswith("3 workers (")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_password_in_a_workers_log_is_not_repeated(production: Fleet, old: OldCluster, lomi: Lomi) -> None:
    password = urlsplit(old.redis_url).password
    assert password
    made = production.run(WORKERS, f"echo 'cannot connect: redis://:{password}@redis:6379 refused'; exit 1")
    production.await_state(made, "exited")

    said = {format_: lomi("doctor", "workers", "-o", format_) for format_ in ("text", "json", "jsonl")}

    assert {each.code for each in said.values()} == {1}
    assert all("refused" in each.out and password not in each.out + each.err for each in said.values())


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_workers_of_ours_that_run_in_no_container_are_not_missed_there(
    production: Fleet, registry: WorkerRegistry, lomi: Lomi
) -> None:
    production.run("redis", FOREVER)
    missed = lomi("doctor", "workers", "-o", "json")
    assert found(missed)["workers.containers"]["seen"] == "there is no container of service moderator-worker"

    registry.register(WorkerInfo("b1", "host-1", 77, "0.1.0", 1))

    assert lomi("doctor", "workers").code == 0
    said = lomi("check", "--only", "docker.workers", "-o", "json")
    check = next(each for each in said.document["checks"] if each["slug"] == "docker.workers")
    assert (check["status"], check["detail"]) == ("skip", "1 worker beats, in no container of this engine")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_worker_that_ate_its_memory_is_given_more(production: Fleet, lomi: Lomi) -> None:
    production.starve(WORKERS)

    said = lomi("doctor", "workers", "-o", "json")

    assert said.document["next"] == f"docker update --memory 2g --memory-swap 2g {production.project}-{WORKERS}-1"
    assert found(said).keys() == {"workers.start"}


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_stopped_redis_is_the_cause_and_comes_first(
    production: Fleet, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.services import free_port

    made = production.run("redis", "exit 0")
    production.await_state(made, "exited")
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")

    said = lomi("doctor", "flow", "-o", "json")

    assert [each["id"] for each in said.document["findings"]] == ["flow.containers", "flow.redis"]
    assert said.document["next"] == f"docker start {production.project}-redis-1"


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_compreface_that_ended_shows_its_last_words(
    production: Fleet, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.services import free_port

    made = production.run("compreface", "echo starting; echo java.lang.OutOfMemoryError; exit 3")
    production.await_state(made, "exited")
    monkeypatch.setenv("LOMI_COMPREFACE_URL", f"http://127.0.0.1:{free_port()}")

    said = lomi("doctor", "compreface", "-o", "json")

    assert said.code == 1
    first = said.document["findings"][0]
    assert first["id"] == "compreface.container"
    assert first["lines"] == ["starting", "java.lang.OutOfMemoryError"]
    assert first["next"] == f"docker logs --tail 50 {production.project}-compreface-1"


def test_a_worker_of_ours_that_fell_silent_is_told(
    cluster: OldCluster, client: redis.Redis, registry: WorkerRegistry, lomi: Lomi
) -> None:
    registry.register(WorkerInfo("b1", "host-1", 77, "0.1.0", 1))
    client.hset(registry.keys.worker("b1"), "beat_ms", 1)

    said = lomi("doctor", "workers", "-o", "json")

    assert said.code == 1
    assert found(said).keys() >= {"workers.silent"}
    assert found(said)["workers.silent"]["seen"].startswith("worker host-1/77 is not heard of for")


def test_without_docker_and_without_registration_nobody_can_tell(old: OldCluster, lomi: Lomi) -> None:
    said = lomi("doctor", "workers", "-o", "json")

    assert (said.code, set(found(said))) == (3, {"workers.unseen"})
    old.push(old.job(old.user, [old.user], ago=timedelta(hours=2)))
    said = lomi("doctor", "workers", "-o", "json")
    assert (said.code, set(found(said))) == (1, {"workers.none"})


def test_an_engine_that_is_gone_leaves_old_workers_unknown(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    said = lomi("doctor", "workers", "-o", "json")

    assert said.code == 3
    assert found(said)["workers.docker"]["seen"].endswith("there is no such socket")
