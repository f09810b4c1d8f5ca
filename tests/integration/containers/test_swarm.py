"""A real Swarm of one machine: what its manager says about services and tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from docker.errors import APIError
from docker.types import ContainerSpec, RestartPolicy, ServiceMode, TaskTemplate

from lomi_ops.clients.containers import Engine
from lomi_ops.domain.container import SwarmService
from lomi_ops.domain.container_rules import service_troubles
from tests.docker_engine import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"


@pytest.fixture
def swarm(fleet: Fleet) -> Iterator[Fleet]:
    fleet.api.init_swarm("127.0.0.1", "127.0.0.1:0")
    yield fleet
    fleet.api.leave_swarm(force=True)
    with suppress(APIError):
        fleet.api.remove_network("docker_gwbridge")


def service(fleet: Fleet, script: str, replicas: int) -> None:
    """As `docker stack deploy` makes it."""
    labels = {"com.docker.stack.namespace": fleet.project}
    spec = ContainerSpec(fleet.image(), ["/bin/sh", "-c", script], labels=labels)
    fleet.api.create_service(
        TaskTemplate(spec, restart_policy=RestartPolicy("any", delay=60 * 10**9)),
        name=f"{fleet.project}_{WORKERS}",
        labels=labels,
        mode=ServiceMode("replicated", replicas),
    )


def until(engine: Engine, holds: Callable[[SwarmService], bool]) -> SwarmService:
    deadline = time.monotonic() + 30
    while True:
        found = engine.cluster().swarm_service(WORKERS)
        assert found is not None
        if holds(found):
            return found
        assert time.monotonic() < deadline, found


def test_the_manager_counts_tasks_and_containers_of_this_machine_are_found(swarm: Fleet, engine: Engine) -> None:
    service(swarm, "trap 'exit 0' TERM; while true; do sleep 0.1; done", 2)

    found = until(engine, lambda said: said.running == 2)

    assert (found.desired, found.failures, found.project) == (2, (), swarm.project)
    assert engine.version().swarm
    cluster = engine.cluster()
    assert sorted(each.place.number for each in cluster.of(WORKERS)) == [1, 2]
    assert service_troubles(cluster, WORKERS, 2) == ()
    assert service_troubles(cluster, WORKERS, 4)[0].next == f"docker service scale {swarm.project}_{WORKERS}=4"


def test_tasks_that_fail_are_told_with_the_managers_words(swarm: Fleet, engine: Engine) -> None:
    service(swarm, "exit 3", 1)

    found = until(engine, lambda said: len(said.failures) > 0 and said.running == 0)

    assert "exit (3)" in found.failures[0]
    (trouble,) = service_troubles(engine.cluster(), WORKERS)
    assert trouble.what.startswith("0 of 1 tasks run: ")
