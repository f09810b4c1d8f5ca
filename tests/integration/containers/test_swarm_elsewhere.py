"""A Swarm of two machines, each an engine with a network of its own: what of the other one can be read here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from uuid import uuid4

import pytest
from docker.errors import APIError
from docker.types import ContainerSpec, RestartPolicy, ServiceMode, TaskTemplate

from lomi_ops.clients.containers import Engine
from lomi_ops.config.sections.services import DockerSection
from lomi_ops.ops.workers.sources import TaskLog
from tests.commands import Lomi
from tests.docker_engine import Fleet, own_engine
from tests.integration.ops.conftest import lomi, quiet_machine

__all__ = ["lomi", "quiet_machine"]

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(180)]

WORKERS = "moderator-worker"
SAYS = "trap 'exit 0' TERM; echo ERROR of $(cat /etc/hostname); while true; do sleep 0.1; done"
HERE, THERE = "198.18.77.1", "198.18.77.2"
"""Of the block for tests of networks (RFC 2544)."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Two:
    """The manager's machine, and one that only works."""

    manager: Fleet
    other: Fleet
    engine: Engine

    def containers(self) -> dict[str, list[str]]:
        """Short ids, by machine."""
        wanted = {"label": f"com.docker.swarm.service.name={self.manager.project}_{WORKERS}"}
        found = {"here": self.manager, "there": self.other}
        return {
            name: [each["Id"][:12] for each in fleet.api.containers(filters=wanted)] for name, fleet in found.items()
        }


@pytest.fixture(scope="module")
def two(engine_url: str) -> Iterator[Two]:
    """With one task of the service on each."""
    space, fleet = f"lomi-{uuid4().hex[:6]}", Fleet(engine_url)
    with ExitStack() as opened:
        opened.callback(fleet.close)
        ip("netns", "add", space)
        opened.callback(ip, "netns", "del", space)
        ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("addr", "add", f"{HERE}/24", "dev", space)
        ip("link", "set", space, "up")
        for words in (("addr", "add", f"{THERE}/24", "dev", "eth0"), ("link", "set", "eth0", "up"),
                      ("link", "set", "lo", "up")):  # fmt: skip
            ip("-n", space, *words)
        other = Fleet(opened.enter_context(own_engine(within=space)).url)
        opened.callback(other.close)
        fleet.api.init_swarm(HERE, f"{HERE}:2377")
        opened.callback(_leave, fleet)
        token = fleet.api.inspect_swarm()["JoinTokens"]["Worker"]
        other.api.join_swarm([f"{HERE}:2377"], token, f"{THERE}:2377", THERE)
        opened.callback(_leave, other)
        other.image()
        engine = Engine(DockerSection.model_validate({"host": fleet.url, "project": fleet.project}), {})
        opened.callback(engine.close)
        found = Two(fleet, other, engine)
        _serve(fleet)
        _await(found)
        yield found


def _serve(fleet: Fleet) -> None:
    labels = {"com.docker.stack.namespace": fleet.project}
    spec = ContainerSpec(fleet.image(), ["/bin/sh", "-c", SAYS], labels=labels)
    fleet.api.create_service(
        TaskTemplate(spec, restart_policy=RestartPolicy("any", delay=60 * 10**9)),
        name=f"{fleet.project}_{WORKERS}", labels=labels, mode=ServiceMode("replicated", 2),
    )  # fmt: skip


def _await(two: Two) -> None:
    deadline = time.monotonic() + 60
    while [len(ids) for ids in two.containers().values()] != [1, 1] or two.engine.cluster().running(WORKERS) != 2:
        assert time.monotonic() < deadline, two.manager.api.tasks()
        time.sleep(0.1)


def _leave(fleet: Fleet) -> None:
    fleet.api.leave_swarm(force=True)
    with suppress(APIError):
        fleet.api.remove_network("docker_gwbridge")


def test_logs_of_all_machines_are_read_from_the_managers(two: Two, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DOCKER__HOST", two.manager.url)
    monkeypatch.setenv("LOMI_DOCKER__PROJECT", two.manager.project)
    ((here,), (there,)) = two.containers().values()

    said = lomi("workers", "logs", "--level", "error", "-o", "json")

    assert (said.code, said.err) == (0, "")
    assert {record["text"] for record in said.records} == {f"ERROR of {here}", f"ERROR of {there}"}
    assert all(record["worker"].startswith(f"{two.manager.project}_{WORKERS}.") for record in said.records)

    (alone,) = lomi("workers", "logs", there, "-o", "json").records

    assert alone["text"] == f"ERROR of {there}"
    assert lomi("workers", "logs", alone["worker"]).out.count("ERROR") == 1
    missing = lomi("workers", "logs", "moderator-worker.9")
    assert (missing.code, missing.out) == (1, "")
    assert "there is no worker moderator-worker.9" in missing.err


def test_a_task_on_another_machine_is_followed_and_its_end_is_known_here(two: Two) -> None:
    ((_,), (there,)) = two.containers().values()
    swarm = two.engine.cluster().swarm_service(WORKERS)
    assert swarm is not None
    (task,) = [each for each in swarm.tasks if each.short_id == there]
    log = TaskLog(two.engine, swarm, task)

    assert next(log.follow(None)).text == f"ERROR of {there}"
    assert (now := log.again()) is not None
    assert now.up

    two.other.api.kill(there)

    deadline = time.monotonic() + 60
    while (now := log.again()) is not None and now.up:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert now is not None
    assert "137" in now.ended()
