"""An autoscaler over a real Redis; what it sees and what changes the workers are in the test's hands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.autoscale import History, Observation, Rules
from lomi_ops.domain.autoscale_words import Entry, entry_of, to_remember
from lomi_ops.domain.traffic import Traffic
from lomi_ops.domain.worker import WorkerInfo
from lomi_ops.errors import LomiError
from lomi_ops.ops.autoscale.observe import Sight
from lomi_ops.ops.autoscale.run import Autoscaler, Result
from lomi_ops.queue.autoscale import AutoscaleNotes
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.fleet import Claimant, FleetLease
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import QUEUE, Keys
from lomi_ops.queue.workers import WorkerRegistry
from tests.docker_engine import Fleet
from tests.integration.ops.conftest import cluster, lomi, old, point, quiet_machine
from tests.integration.ops.old_cluster import OldCluster

__all__ = ["cluster", "lomi", "old", "point", "quiet_machine"]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
ME = Claimant("autoscale", "lomi autoscale --once", "here")
WELL = Observation(
    at_ms=0,
    workers=5,
    ready=5,
    slots=5,
    running=3,
    traffic=Traffic(1.0, 1.0, 3.0, 3.0),
    sample_age_s=4.0,
    beat_age_s=1.0,
)
BUSY = replace(WELL, traffic=Traffic(1.6, 1.6, 4.8, 3.0))
"""96 % used."""


class Hands:
    """Notes what is asked of it, and fails as a test wants."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.failure: LomiError | None = None

    def to(self, workers: int, why: str) -> Result:
        self.asked.append(workers)
        if self.failure is not None:
            raise self.failure
        return Result(workers)


class Bench:
    """`now` is what the next look sees, at that moment by the clock of Redis."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client: Any = queue_client(RedisSection.model_validate({"url": url}))
        self.queue = JobQueue(self.client)
        self.keys = Keys()
        self.notes = AutoscaleNotes(self.client)
        self.lease = FleetLease(self.client, at=self.keys.autoscale_lease)
        self.now = WELL
        self.hands = Hands()
        self.audited: list[Entry] = []
        assert self.lease.take("token", ME, 60) is None

    def sight(self, past: History | None = None) -> Sight:
        return Sight(replace(self.now, at_ms=self.queue.now_ms()))

    def autoscaler(self, **changed: Any) -> Autoscaler:
        usual: dict[str, Any] = {
            "look": self.sight,
            "scaler": self.hands,
            "notes": self.notes,
            "rules": Rules(),
            "by": "autoscale",
            "audit": self.audited.append,
            "sleep": lambda _: None,
        }
        return Autoscaler(**usual | changed)

    def remember(self, **history: Any) -> None:
        """As if looks had seen that."""
        now = self.queue.now_ms()
        past = History(**{"looked_ms": now - 1000, "workers": 5, "changed_ms": now - 10**8} | history)
        self.notes.note("token", f"test {now} {history}", to_remember(past))

    def due(self) -> None:
        """More have been due for long."""
        self.remember(due_ms=self.queue.now_ms() - 600_000)

    def journal(self) -> list[Entry]:
        """The latest first."""
        found = [entry_of(each) for each in self.notes.entries(100)]
        assert all(found)
        return [each for each in found if each is not None]


@pytest.fixture
def bench(redis_url: str) -> Iterator[Bench]:
    found = Bench(redis_url)
    yield found
    found.client.close()


@dataclass
class Shop:
    """Workers in containers of a real engine, as far as they matter: they run, are registered, and end at a SIGTERM.

    What they note of the queue is written by the test.
    """

    containers: Fleet
    client: Any
    boots: dict[str, WorkerInfo] = field(default_factory=dict)

    @property
    def registry(self) -> WorkerRegistry:
        return WorkerRegistry(self.client)

    def hire(self, number: int) -> None:
        for each in range(1, number + 1):
            container = self.containers.run(WORKERS, FOREVER, number=each)
            info = WorkerInfo(str(uuid.uuid4()), container[:12], 1, "1", 1)
            self.boots[info.boot] = info
        self.beat()

    def adopt(self) -> None:
        """Every container that runs registers, also one that a command has made."""
        label = f"com.docker.compose.project={self.containers.project}"
        for each in self.containers.api.containers(filters={"label": label}):
            info = WorkerInfo(str(uuid.uuid4()), each["Id"][:12], 1, "1", 1)
            self.boots[info.boot] = info
        for record in self.registry.list():
            self.registry.deregister(record.info.boot)
        self.beat()

    def beat(self) -> None:
        for info in self.boots.values():
            self.registry.register(info)

    def note(self, per_s: float, running: int, *, until_s: float = 0.0) -> None:
        """Samples of the last ten minutes: so many jobs come and end, so many run."""
        now_ms = JobQueue(self.client).now_ms()
        for number in range(60):
            at_ms = now_ms - int((until_s + (60 - number) * 10) * 1000)
            fields = {"inside": running, "finished": int(number * 10 * per_s), "running": running}
            self.client.xadd(Keys().samples, fields, id=f"{at_ms}-0")

    def push(self, number: int) -> None:
        for _ in range(number):
            self.client.lpush(QUEUE, json.dumps({"job_id": str(uuid.uuid4()), "created_at": "2026-11-26T00:00:00Z"}))

    def remember(self, workers: int, **seconds_ago: float) -> None:
        """As if looks had seen that: what was so long ago."""
        now_ms = JobQueue(self.client).now_ms()
        ago = {"looked_ms": 15.0, "changed_ms": 86_400.0} | seconds_ago
        state = {"workers": workers} | {name: now_ms - int(value * 1000) for name, value in ago.items()}
        self.client.hset(Keys().autoscale, "state", json.dumps(state))

    def count(self) -> int:
        """Containers that run."""
        label = f"com.docker.compose.project={self.containers.project}"
        return len(self.containers.api.containers(filters={"label": label}))

    def close(self) -> None:
        """What the commands have made goes, too."""
        label = f"com.docker.compose.project={self.containers.project}"
        for each in self.containers.api.containers(all=True, filters={"label": label}):
            self.containers.api.remove_container(each["Id"], force=True)


@pytest.fixture
def shop(cluster: OldCluster, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """With the schema lomi."""
    yield from _shop(cluster, fleet, monkeypatch)


@pytest.fixture
def old_shop(old: OldCluster, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Before the swap."""
    yield from _shop(old, fleet, monkeypatch)


def _shop(cluster: OldCluster, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("LOMI_DOCKER__HOST", fleet.url)
    monkeypatch.setenv("LOMI_DOCKER__TIMEOUT_S", "60")
    monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
    found = Shop(fleet, client)
    yield found
    found.close()
    client.close()
