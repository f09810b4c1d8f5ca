"""One look at all workers. Docker and Redis are asked at the same time, and each may be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Generic, TypeVar

from lomi_ops.clients.threads import all_at_once
from lomi_ops.domain.container import Cluster
from lomi_ops.domain.fleet import Member, join, unclear
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.errors import LomiError
from lomi_ops.ops.containers import Look
from lomi_ops.queue.workers import WorkerRegistry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The workers, and which source did not tell of them."""

    members: tuple[Member, ...]
    at: datetime
    """By the engine's clock where one answers."""
    cluster: Cluster | None = None
    """None where there is no engine, or it did not answer."""
    docker: LomiError | None = None
    """Why the engine did not tell; None also where there is none."""
    redis: LomiError | None = None
    """Why the registry did not tell."""

    @property
    def failures(self) -> tuple[LomiError, ...]:
        return tuple(each for each in (self.docker, self.redis) if each is not None)


@dataclass(slots=True)
class _Answer(Generic[T]):
    value: T | None = None
    failure: LomiError | None = None
    began: float = 0.0
    ended: float = 0.0

    def ask(self, question: Callable[[], T]) -> None:
        self.began = monotonic()
        try:
            self.value = question()
        except LomiError as failure:
            self.failure = failure
        self.ended = monotonic()


def members(registry: WorkerRegistry, look: Look, service: str | None, lease_s: float) -> Fleet:
    """Those of the service's containers, and whoever else has registered. Raises nothing for weather.

    `service` is None where workers run in no container. A worker that is silent for longer than `lease_s` has lost its
    jobs.
    """
    registered, seen = _Answer[tuple[WorkerRecord, ...]](), _Answer[Cluster]()
    questions: list[Callable[[], None]] = [lambda: registered.ask(registry.list)]
    if service is not None and look.engine.place is not None:
        questions.append(lambda: seen.ask(look.cluster))
    all_at_once(lambda ask: ask(), questions)
    cluster, failure = seen.value, seen.failure
    now = _no_earlier(cluster.at, registered, seen) if cluster else datetime.now(UTC)
    containers = cluster.of(service) if cluster and service else ()
    logs = look.logs_of(unclear(containers, registered.value, now))
    found = join(containers, registered.value, logs, now, lease_s=lease_s)
    return Fleet(found, now, cluster, failure, registered.failure)


def _no_earlier(at: datetime, registered: _Answer[tuple[WorkerRecord, ...]], seen: _Answer[Cluster]) -> datetime:
    """The engine's time when the registry had answered: what registered in a young container would else seem older than
    the container, where the registry was asked for longer."""
    return at + timedelta(seconds=max(0.0, registered.ended - seen.began))
