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
from lomi_ops.ops import unknowns
from lomi_ops.ops.unknowns import Unknown
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import QueueStats
from lomi_ops.queue.workers import WorkerRecord, WorkerRegistry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transport:
    """What Redis says."""

    queue: QueueStats
    workers: tuple[WorkerRecord, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What Postgres says."""

    pending: Pending
    today: Summary
    unknown: tuple[Unknown, ...]


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What one source said, or why it did not."""

    value: T | None
    failure: LomiError | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    at: datetime
    transport: Reading[Transport]
    record: Reading[Record]

    @property
    def failures(self) -> tuple[LomiError, ...]:
        """At most one per source."""
        return tuple(reading.failure for reading in (self.transport, self.record) if reading.failure)

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """What the sources that answered cannot know."""
        transport, record = self.transport.value, self.record.value
        of_workers = unknowns.of_workers(len(transport.workers)) if transport else ()
        return of_workers + (record.unknown if record else ())


def take(queue: JobQueue, registry: WorkerRegistry, database: Database, now: datetime) -> Snapshot:
    """Asks every source once."""
    return Snapshot(
        at=now,
        transport=_read(lambda: Transport(queue.stats(), registry.list())),
        record=_read(
            lambda: Record(
                media.pending(database),
                reports.summary(database, parse("today", now)),
                unknowns.of_record(database),
            )
        ),
    )


def _read(source: Callable[[], T]) -> Reading[T]:
    try:
        return Reading(source())
    except LomiError as failure:
        return Reading(None, failure)
