"""Workers in real containers of a real engine. Each is a shell, and a registrar tells Redis what a worker would."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.worker import WorkerInfo, WorkerMode
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.workers import WorkerRegistry
from lomi_ops.version import __version__
from tests.commands import Lomi, Said, lomi, quiet_machine
from tests.docker_engine import LABEL, Fleet
from tests.integration.queue.producer import element

__all__ = ["Lomi", "Said", "lomi", "quiet_machine"]

WORKERS = "moderator-worker"
WORK = "trap 'exit 0' TERM; while true; do sleep 0.05; done"
OLD = f"echo 'NSFW model loaded successfully'; {WORK}"
POLL_S = 0.03
SMALL: dict[str, Any] = {"mem_limit": "64m", "mem_reservation": "32m"}


class Registrar:
    """Registers a worker for each container that runs, beats for it, and takes it back when it ends."""

    def __init__(self, redis_url: str, fleet: Fleet) -> None:
        self._clients = [queue_client(RedisSection.model_validate({"url": redis_url})) for _ in range(3)]
        self._beats = JobQueue(self._clients[2])
        self.registry = WorkerRegistry(self._clients[0])
        self.queue = JobQueue(self._clients[1])
        self._fleet = fleet
        self.boots: dict[str, str] = {}
        """By container."""
        self.knows: Callable[[str], bool] = lambda name: True
        """Of which containers it takes care, by name; the others never register."""
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._run, self._beat)]
        for thread in self._threads:
            thread.start()

    def _beat(self) -> None:
        """All the time: a container that has just started is younger than a beat may be old."""
        while not self._over.wait(POLL_S):
            for boot in list(self.boots.values()):
                self._beats.beat(boot, {})

    def _run(self) -> None:
        import docker

        api = docker.DockerClient(base_url=self._fleet.url, timeout=20).api
        while not self._over.wait(POLL_S):
            with self._turn:
                self._look(api)
        api.close()

    def _look(self, api: Any) -> None:
        wanted = {"label": f"{LABEL}={self._fleet.project}", "status": "running"}
        running = {each["Id"] for each in api.containers(filters=wanted) if self.knows(each["Names"][0].lstrip("/"))}
        for container in running - self.boots.keys():
            with suppress(NotFound):  # It has gone meanwhile.
                host = api.inspect_container(container)["Config"]["Hostname"]
                boot = self.boots[container] = str(uuid.uuid4())
                self.registry.register(WorkerInfo(boot, host, 1, __version__, 1))
        for container in self.boots.keys() - running:
            self.registry.deregister(self.boots.pop(container))

    def once(self) -> None:
        """Until everybody who runs now is known."""
        with self._turn:
            self._look(self._fleet.api)

    def gives_a_job_to(self, container: str) -> Claimed:
        """A worker that holds a job."""
        with self._turn:
            self.queue._client.lpush(self.queue.keys.ready, element())
            held = self.queue.claim(f"{self.boots[container]}/0", 1, str(uuid.uuid4()))
        assert isinstance(held, Claimed)
        return held

    def finishes(self, job: Claimed) -> None:
        with self._turn:
            self.queue.finish(job.job_id, job.token, b"done")

    def modes(self) -> dict[str, WorkerMode]:
        """By container."""
        with self._turn:
            known = {record.info.boot: record.mode for record in self.registry.list()}
            return {container: known[boot] for container, boot in self.boots.items() if boot in known}

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for client in self._clients:
            client.close()


@pytest.fixture
def registrar(redis_url: str, fleet: Fleet) -> Iterator[Registrar]:
    found = Registrar(redis_url, fleet)
    yield found
    found.close()


@pytest.fixture
def project(fleet: Fleet, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """What the commands look at: this fleet's project on this engine, and an empty Redis."""
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
    monkeypatch.setenv("LOMI_DOCKER__HOST", fleet.url)
    monkeypatch.setenv("LOMI_DOCKER__TIMEOUT_S", "60")
    monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
    yield fleet
    listed = fleet.api.containers(all=True, filters={"label": f"{LABEL}={fleet.project}"})
    fleet.made += [each["Id"] for each in listed if each["Id"] not in fleet.made]


def names(fleet: Fleet, *, every: bool = False) -> list[str]:
    """Of the containers that run, or of all, without the project."""
    listed = fleet.api.containers(all=every, filters={"label": f"{LABEL}={fleet.project}"})
    return sorted(each["Names"][0].lstrip("/").removeprefix(f"{fleet.project}-") for each in listed)


def made(project: Fleet, number: int, script: str = WORK, **host: Any) -> list[str]:
    return [project.run(WORKERS, script, number=each, **(SMALL | host)) for each in range(1, number + 1)]


def numbered(*numbers: int) -> list[str]:
    return [f"{WORKERS}-{number}" for number in numbers]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
