"""`lomi scale` on a real Swarm of one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from docker.errors import APIError
from docker.types import ContainerSpec, Resources, RestartPolicy, ServiceMode, TaskTemplate

from tests.docker_engine import LABEL, Fleet
from tests.integration.scale.conftest import OLD, WORK, WORKERS, Lomi, Registrar

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

GRACE_S = 60


@pytest.fixture
def swarm(project: Fleet) -> Iterator[Fleet]:
    project.api.init_swarm("127.0.0.1", "127.0.0.1:0")
    yield project
    project.api.leave_swarm(force=True)
    with suppress(APIError):
        project.api.remove_network("docker_gwbridge")


def service(
    fleet: Fleet,
    script: str,
    replicas: int | None,
    *,
    grace_s: int | None = GRACE_S,
    reserve: int | None = None,
    hostname: str | None = None,
) -> str:
    """As `docker stack deploy` makes it; a global one without a number."""
    stack = {"com.docker.stack.namespace": fleet.project}
    spec = ContainerSpec(
        fleet.image(), ["/bin/sh", "-c", script], labels={LABEL: fleet.project} | stack,
        hostname=hostname, stop_grace_period=None if grace_s is None else grace_s * 10**9,
    )  # fmt: skip
    template = TaskTemplate(
        spec, restart_policy=RestartPolicy("any", delay=10**8), resources=Resources(mem_reservation=reserve)
    )
    name = f"{fleet.project}_{WORKERS}"
    mode = ServiceMode("global") if replicas is None else ServiceMode("replicated", replicas)
    fleet.api.create_service(template, name=name, labels=stack, mode=mode)
    return name


def replicas(fleet: Fleet, name: str) -> int:
    found: int = fleet.api.inspect_service(name)["Spec"]["Mode"]["Replicated"]["Replicas"]
    return found


def test_one_becomes_four_and_two_and_each_is_waited_for(lomi: Lomi, swarm: Fleet, registrar: Registrar) -> None:
    name = service(swarm, WORK, 1)
    assert lomi("scale", 1).out == "1 of 1 worker is ready\n"

    more = lomi("scale", 4)

    assert more.code == 0, more.err
    assert more.out.startswith("4 of 4 workers are ready")
    assert (replicas(swarm, name), len(registrar.modes())) == (4, 4)

    fewer = lomi("scale", 2, "-o", "json")

    assert fewer.code == 0, fewer.err
    assert (fewer.document["running"], fewer.document["ready"], fewer.document["lasting"]) == (2, 2, None)
    assert replicas(swarm, name) == 2


def test_a_dry_run_says_what_the_swarm_would_be_told(lomi: Lomi, swarm: Fleet) -> None:
    name = service(swarm, WORK, 1)

    said = lomi("scale", 3, "--dry-run")

    assert said.out == f"{WORKERS}: 1 to 3 workers; nothing was changed\n"
    assert replicas(swarm, name) == 1


def test_old_workers_are_ready_when_their_containers_log_it_and_are_not_stopped(lomi: Lomi, swarm: Fleet) -> None:
    name = service(swarm, OLD, 1)

    said = lomi("scale", 2)

    assert (said.code, said.out[:39]) == (0, "2 of 2 workers are ready (1 before, in "), said.err
    refused = lomi("scale", 1)
    assert refused.code == 5
    assert "2 of 2 tasks are not registered" in refused.err
    assert replicas(swarm, name) == 2
    assert lomi("scale", 1, "--force").code == 0


def test_tasks_with_host_names_of_their_own_are_known_by_their_containers(
    lomi: Lomi, swarm: Fleet, registrar: Registrar
) -> None:
    name = service(swarm, WORK, 2, hostname="worker-{{.Task.Slot}}")
    assert lomi("scale", 2).code == 0

    said = lomi("scale", 1)

    assert said.code == 0, said.err
    assert replicas(swarm, name) == 1


def test_a_global_service_has_no_number(lomi: Lomi, swarm: Fleet, registrar: Registrar) -> None:
    service(swarm, WORK, None)

    said = lomi("scale", 2)

    assert said.code == 5
    assert f"{swarm.project}_{WORKERS} is a global service" in said.err


def test_a_service_that_kills_before_a_worker_is_done_is_not_made_smaller(
    lomi: Lomi, swarm: Fleet, registrar: Registrar
) -> None:
    name = service(swarm, WORK, 2, grace_s=None)
    assert lomi("scale", 2).code == 0

    said = lomi("scale", 1)

    assert said.code == 5
    assert f"the Swarm kills a task of {name} after 10 s" in said.err
    assert "docker service update --stop-grace-period" in said.err
    assert replicas(swarm, name) == 2


def test_tasks_that_end_over_and_over_are_told_and_the_number_goes_back(lomi: Lomi, swarm: Fleet) -> None:
    name = service(swarm, "exit 3", 0)

    said = lomi("scale", 1)

    assert said.code == 1
    assert "its tasks end: task: non-zero exit (3)" in said.err
    assert replicas(swarm, name) == 0


def test_what_no_machine_has_room_for_is_told_in_the_managers_words(
    lomi: Lomi, swarm: Fleet, registrar: Registrar
) -> None:
    service(swarm, WORK, 1, reserve=swarm.api.info()["MemTotal"] * 2 // 3)

    said = lomi("scale", 2, "--timeout", "3s")

    assert said.code == 3
    assert "insufficient resources" in said.err
