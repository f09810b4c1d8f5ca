"""The cluster at one moment, as `lomi top --once` shows it. Each source fails alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from lomi_ops.db import media, reports
from lomi_ops.db.media import Pending
from lomi_ops.db.pool import Database
from lomi_ops.db.reports import Summary
from lomi_ops.domain.window import parse
from lomi_ops.errors import LomiError
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import QueueStats
from lomi_ops.queue.workers import WorkerRecord, WorkerRegistry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What one source said, or why it did not."""

    value: T | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    at: datetime
    queue: Reading[QueueStats]
    workers: Reading[tuple[WorkerRecord, ...]]
    pending: Reading[Pending]
    today: Reading[Summary]

    @property
    def problems(self) -> tuple[str, ...]:
        """One per source, however many readings it failed."""
        readings = (self.queue, self.workers, self.pending, self.today)
        return tuple(dict.fromkeys(reading.problem for reading in readings if reading.problem))


def take(queue: JobQueue, registry: WorkerRegistry, database: Database, now: datetime) -> Snapshot:
    """Asks every source once."""
    return Snapshot(
        at=now,
        queue=_read(queue.stats),
        workers=_read(registry.list),
        pending=_read(lambda: media.pending(database)),
        today=_read(lambda: reports.summary(database, parse("today", now))),
    )


def _read(source: Callable[[], T]) -> Reading[T]:
    try:
        return Reading(source())
    except LomiError as failure:
        return Reading(None, failure.message)
