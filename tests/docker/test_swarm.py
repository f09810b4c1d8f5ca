"""A Swarm of one machine: its service of workers is scaled under load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from random import randrange
from typing import Any

import pytest
from docker.errors import APIError
from docker.types import (
    ContainerSpec,
    Healthcheck,
    Mount,
    NetworkAttachmentConfig,
    RestartPolicy,
    ServiceMode,
    TaskTemplate,
)

from tests.docker.images import WORKER
from tests.docker.load import attempts, load
from tests.docker.stack import GRACE_S, SERVICE, Ends, Stack, until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker"), pytest.mark.timeout(900)]


PORTS = {"redis": 6379, "postgres": 5432, "compreface": 3000}
VXLAN = "com.docker.network.driver.overlay.vxlanid_list"


@pytest.fixture
def swarm(stack: Stack) -> Iterator[str]:
    """The name of a stack with one worker, on a network that the project's stores have joined; no other is there."""
    name = f"{stack.project}-swarm"
    stack.compose("up", "-d", "--scale", f"{SERVICE}=0")
    stack.api.init_swarm("127.0.0.1", "127.0.0.1:0")
    try:
        # Two Swarms on one kernel must not choose the same number, and each would begin with the same one.
        number = {VXLAN: str(randrange(5000, 2**24))}
        network = stack.api.create_network(name, driver="overlay", attachable=True, options=number)["Id"]
        for service in PORTS:
            (said,) = stack.containers(service)
            stack.api.connect_container_to_network(said["Id"], network, aliases=[service])
        create_service(stack, name, network)
        yield name
    finally:
        for service in PORTS:
            with suppress(APIError):
                stack.api.disconnect_container_from_network(stack.containers(service)[0]["Id"], name)
        stack.api.leave_swarm(force=True)
        with suppress(APIError):
            stack.api.remove_network("docker_gwbridge")


def create_service(stack: Stack, name: str, network: str) -> None:
    """As `docker stack deploy` makes it; found by the names of tasks, since a kernel may lack IPVS."""
    labels = {"com.docker.stack.namespace": name}
    models = Mount("/models", str(stack.folder / "models"), type="bind", read_only=True)
    told = stack.told(lambda service: stack.s3 if service == "s3" else f"{service}:{PORTS[service]}")
    spec = ContainerSpec(
        WORKER, env=told, labels=labels, read_only=True, init=True, stop_grace_period=GRACE_S * 10**9,
        mounts=[models, Mount("/tmp", None, type="tmpfs")],
        # A task runs, for the Swarm, when its health check has passed once: the image's first one is after 15 s.
        healthcheck=Healthcheck(interval=2 * 10**9),
    )  # fmt: skip
    template = TaskTemplate(
        spec, restart_policy=RestartPolicy("any", delay=10**9), networks=[NetworkAttachmentConfig(network)]
    )
    stack.api.create_service(
        template, name=f"{name}_{SERVICE}", labels=labels, mode=ServiceMode("replicated", 1),
        endpoint_spec={"Mode": "dnsrr"},
    )  # fmt: skip


def running(stack: Stack, name: str) -> int:
    tasks: list[dict[str, Any]] = stack.api.tasks({"service": f"{name}_{SERVICE}", "desired-state": "running"})
    return sum(task["Status"]["State"] == "running" for task in tasks)


def test_a_service_is_scaled_from_one_to_four_and_to_two_under_load(stack: Stack, swarm: str) -> None:
    until(lambda: running(stack, swarm) == 1, "the first task")
    label = f"com.docker.swarm.service.name={swarm}_{SERVICE}"
    with Ends(stack.url, label) as ends, load(stack) as photos:
        photos.await_more(3)
        stack.lomi("scale", "4", LOMI_DOCKER__PROJECT=swarm)
        assert running(stack, swarm) == 4
        photos.await_more(5)
        stack.lomi("scale", "2", LOMI_DOCKER__PROJECT=swarm)
        photos.await_more(5)
        findings, state = photos.finish()

    assert findings.sentences() == []
    assert set(attempts(state)) == {1}
    assert ends.exits == [0, 0]
    assert running(stack, swarm) == 2
