"""Three engines, each with workers of its own, on one queue: machines that share nothing but the network."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import psycopg
import pytest

from tests.docker.images import WORKER
from tests.docker.load import attempts, load
from tests.docker.stack import GRACE_S, Stack, until
from tests.docker_engine import own_engine
from tests.proxy import FaultProxy
from tests.services import open_folder

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker"), pytest.mark.timeout(900)]

AWAY_S = 20.0
"""Longer than a lease."""


@dataclass
class Machine:
    """An engine with one worker, whose only ways out are `ways`."""

    api: Any
    worker: str
    ways: dict[str, FaultProxy]

    def leave(self, seconds: float) -> None:
        """Nothing passes, either way, and nothing says so."""
        for way in self.ways.values():
            way.black_hole(seconds)

    def stop(self) -> int:
        self.api.stop(self.worker, timeout=GRACE_S)
        return int(self.api.inspect_container(self.worker)["State"]["ExitCode"])


@pytest.fixture
def machines(stack: Stack) -> Iterator[list[Machine]]:
    """Two beside the one that has the stores and two workers."""
    with ExitStack() as opened:
        image = opened.enter_context(open_folder("lomi-image-")) / "worker.tar"
        subprocess.run(["docker", "-H", stack.url, "save", "-o", image, WORKER], check=True, capture_output=True)
        yield [_machine(stack, image, number, opened) for number in (2, 3)]


def _machine(stack: Stack, image: Path, number: int, opened: ExitStack) -> Machine:
    url = opened.enter_context(own_engine()).url
    subprocess.run(["docker", "-H", url, "load", "-q", "-i", image], check=True, capture_output=True)
    client = docker.DockerClient(base_url=url, timeout=120)
    opened.callback(client.close)
    network = client.networks.create(f"{stack.project}-{number}", driver="bridge")
    opened.callback(network.remove)
    network.reload()
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
    ways = {
        service: opened.enter_context(FaultProxy("127.0.0.1", stack.ports[service], listen=gateway))
        for service in ("redis", "postgres", "s3", "compreface")
    }
    worker = client.containers.run(
        WORKER, detach=True, network=network.name, read_only=True, tmpfs={"/tmp": ""}, hostname=f"machine-{number}",
        environment=stack.told(lambda service: f"{ways[service].host}:{ways[service].port}"),
        volumes=[f"{stack.folder}/models:/models:ro"],
    )  # fmt: skip
    opened.callback(worker.remove, force=True)
    return Machine(client.api, worker.id, ways)


def test_three_machines_share_a_queue_and_one_falls_silent(stack: Stack, machines: list[Machine]) -> None:
    """Its jobs are done by the others, and what it says when it is back changes nothing."""
    until(lambda: len(stack.registry()) == 4, "their workers")
    with load(stack) as photos:
        photos.await_more(30)
        listed = stack.lomi("workers", "list", check=None).stdout
        machines[1].leave(AWAY_S)
        photos.await_more(150)
        codes = [machine.stop() for machine in machines]
        findings, state = photos.finish()

    assert findings.sentences() == []
    assert set(attempts(state)) <= {1, 2}
    assert codes == [0, 0]
    assert "machine-2" in listed
    assert "machine-3" in listed
    with psycopg.connect(stack.database_url) as connection:
        ran = connection.execute("SELECT count(DISTINCT split_part(worker, '/', 1)) FROM lomi.jobs").fetchone()
    assert ran == (4,)
