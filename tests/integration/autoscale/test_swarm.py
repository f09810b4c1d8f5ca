"""`lomi autoscale` on a real Swarm of one machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import Keys
from tests.docker_engine import Fleet
from tests.integration.autoscale.conftest import Shop
from tests.integration.scale.conftest import WORK, Lomi, Registrar, project, registrar
from tests.integration.scale.test_swarm import replicas, service, swarm

__all__ = ["project", "registrar", "swarm"]

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]


@pytest.fixture
def queue(swarm: Fleet, redis_url: str) -> Iterator[Shop]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield Shop(swarm, client)
    client.close()


def until_registered(registrar: Registrar, number: int) -> None:
    deadline = time.monotonic() + 30
    while len(registrar.modes()) != number:
        assert time.monotonic() < deadline, registrar.modes()
        time.sleep(0.05)


def test_tasks_are_added_and_taken_through_the_manager(
    lomi: Lomi, swarm: Fleet, queue: Shop, registrar: Registrar
) -> None:
    name = service(swarm, WORK, 4)
    until_registered(registrar, 4)
    queue.note(1.0, 3)
    queue.push(14)
    queue.remember(4, due_ms=600)

    more = lomi("autoscale", "--once", "-o", "json")

    assert (more.code, more.document["target"], more.document["numbers"]["ready"]) == (0, 5, 4), more.err
    assert replicas(swarm, name) == 5
    until_registered(registrar, 5)
    queue.client.delete(Keys().ready, Keys().samples)
    queue.note(0.1, 0)
    queue.remember(5, idle_ms=3600)

    fewer = lomi("autoscale", "--once", "-o", "json")

    assert (fewer.code, fewer.document["target"], fewer.document["numbers"]["ready"]) == (0, 4, 5), fewer.err
    assert replicas(swarm, name) == 4


def test_a_global_service_has_no_number(lomi: Lomi, swarm: Fleet) -> None:
    service(swarm, WORK, None)
    said = lomi("autoscale", "--once")
    assert said.code == 5
    assert "is a global service" in said.err
