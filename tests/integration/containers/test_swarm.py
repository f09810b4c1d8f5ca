"""A real Swarm of one machine: what its manager says about services and tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from docker.errors import APIError
from docker.types import ContainerSpec, RestartPolicy, ServiceMode, TaskTemplate

from lomi_ops.clients.containers import Control, Engine
from lomi_ops.domain.container import SwarmService
from lomi_ops.domain.container_rules import service_troubles
from lomi_ops.errors import ContainerError, Refused
from tests.docker_engine import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


@pytest.fixture
def swarm(fleet: Fleet) -> Iterator[Fleet]:
    fleet.api.init_swarm("127.0.0.1", "127.0.0.1:0")
    yield fleet
    fleet.api.leave_swarm(force=True)
    with suppress(APIError):
        fleet.api.remove_network("docker_gwbridge")


def service(fleet: Fleet, script: str, replicas: int | None) -> str:
    """As `docker stack deploy` makes it; a global one without a number."""
    labels = {"com.docker.stack.namespace": fleet.project}
    spec = ContainerSpec(fleet.image(), ["/bin/sh", "-c", script], labels=labels)
    name = f"{fleet.project}_{WORKERS}"
    fleet.api.create_service(
        TaskTemplate(spec, restart_policy=RestartPolicy("any", delay=60 * 10**9)),
        name=name,
        labels=labels,
        mode=ServiceMode("global") if replicas is None else ServiceMode("replicated", replicas),
    )
    return name


def until(engine: Engine, holds: Callable[[SwarmService], bool]) -> SwarmService:
    deadline = time.monotonic() + 30
    while True:
        found = engine.cluster().swarm_service(WORKERS)
        assert found is not None
        if holds(found):
            return found
        assert time.monotonic() < deadline, found


def test_the_manager_counts_tasks_and_containers_of_this_machine_are_found(swarm: Fleet, engine: Engine) -> None:
    service(swarm, FOREVER, 2)

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


# --- changes ----------------------------------------------------------------------------------------------------------


def running(fleet: Fleet) -> set[str]:
    """The containers of the tasks that run."""
    return {
        each["Id"] for each in fleet.api.containers(filters={"label": f"com.docker.stack.namespace={fleet.project}"})
    }


def test_a_service_is_scaled_and_the_tasks_that_run_are_left_alone(swarm: Fleet, engine: Engine) -> None:
    name = service(swarm, FOREVER, 1)
    until(engine, lambda said: said.running == 1)
    before = running(swarm)

    Control(engine).scale_service(name, 3)

    until(engine, lambda said: said.running == 3)
    assert before < running(swarm)
    assert len(swarm.api.tasks(filters={"service": name})) == 3


def test_what_somebody_else_changed_meanwhile_is_kept(swarm: Fleet, engine: Engine) -> None:
    """Both change the same reading of it: the one who comes second reads again."""
    name = service(swarm, FOREVER, 1)
    others = iter(["first", "second"])

    def change(spec: dict[str, Any]) -> None:
        if label := next(others, None):
            said = swarm.api.inspect_service(name)
            swarm.api.update_service(
                said["ID"], said["Version"]["Index"], labels={label: "", **said["Spec"]["Labels"]},
                mode=said["Spec"]["Mode"], task_template=said["Spec"]["TaskTemplate"], name=name,
            )  # fmt: skip
        spec["Mode"]["Replicated"]["Replicas"] = 2

    Control(engine)._update_service(name, change)

    spec = swarm.api.inspect_service(name)["Spec"]
    assert spec["Mode"]["Replicated"]["Replicas"] == 2
    assert {"first", "second"} < set(spec["Labels"])


def test_one_who_is_always_too_late_gives_up(swarm: Fleet, engine: Engine) -> None:
    name = service(swarm, FOREVER, 1)

    def change(spec: dict[str, Any]) -> None:
        Control(engine).scale_service(name, 1)

    with pytest.raises(ContainerError, match="changed by others all the time"):
        Control(engine)._update_service(name, change)


def test_a_global_service_has_no_number_to_set(swarm: Fleet, engine: Engine) -> None:
    name = service(swarm, FOREVER, None)

    with pytest.raises(Refused, match="a global service"):
        Control(engine).scale_service(name, 2)


def test_a_roll_replaces_every_task(swarm: Fleet, engine: Engine) -> None:
    name = service(swarm, FOREVER, 1)
    until(engine, lambda said: said.running == 1)
    before = running(swarm)

    Control(engine).roll_service(name, swarm.image("rolled"))

    deadline = time.monotonic() + 60
    while not (now := running(swarm)) or now & before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (container,) = engine.cluster().of(WORKERS)
    assert container.image_digest == swarm.api.inspect_image("lomi-test/busybox:rolled")["Id"]


def test_a_service_that_is_not_there_is_told_apart(swarm: Fleet, engine: Engine) -> None:
    with pytest.raises(ContainerError) as refusal:
        Control(engine).scale_service("app_nobody", 2)

    assert refusal.value.gone
