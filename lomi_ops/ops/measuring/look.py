"""One look at all sources, or one after the other. Each is asked by a thread of its own: one that hangs holds up
nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lomi_ops.domain.measure import Measured, Source, Values
from lomi_ops.errors import LomiError
from lomi_ops.ops.measuring.reader import Bag, Reader
from lomi_ops.version import __version__

if TYPE_CHECKING:
    import redis

    from lomi_ops.clients.compreface.pool import FaceService
    from lomi_ops.clients.objects.store import ObjectStore
    from lomi_ops.config.schema import Settings
    from lomi_ops.db.pool import Database

PATIENCE_S = 6.0
"""For one look of somebody who looks once: longer than the clients of `impatient` settings wait."""
STALE_S = 30.0
"""An answer of a source that has not come back since is believed for so long."""
SERVICES = (Source.REDIS, Source.POSTGRES, Source.OBJECTS, Source.COMPREFACE)


@dataclass(frozen=True, slots=True)
class Handles:
    """Where to ask. What is None is not there, or not of interest; all may be used by several threads at once."""

    settings: Settings
    redis: redis.Redis | None = None
    database: Database | None = None
    objects: ObjectStore | None = None
    faces: FaceService | None = None
    week_above: float | None = None
    """See `RecordReader`."""


def measure(at: Handles, *, patience_s: float = PATIENCE_S) -> Measured:
    """Everything, once. A source that does not answer in time is silent."""
    return Measuring(readers(at), expected=at.settings.checks.workers).tick(patience_s)


def readers(at: Handles) -> tuple[Reader, ...]:
    """One for each source that there is."""
    from lomi_ops.ops.backup.last import is_configured
    from lomi_ops.ops.measuring.record import RecordReader
    from lomi_ops.ops.measuring.services import BackupsReader, FacesReader, ObjectsReader
    from lomi_ops.ops.measuring.transport import TransportReader
    from lomi_ops.queue.meter import Meter

    settings = at.settings
    found: list[Reader] = []
    if at.redis is not None:
        found.append(TransportReader(Meter(at.redis), settings.worker.lease_s))
    if at.database is not None:
        found.append(RecordReader(at.database, settings.metrics.price_per_worker_hour, at.week_above))
    if at.objects is not None:
        found.append(ObjectsReader(at.objects, settings.objects.bucket_photos))
    if at.faces is not None:
        found.append(FacesReader(at.faces))
    if is_configured(settings.backup):
        found.append(BackupsReader(settings.backup, settings.objects))
    return tuple(found)


@dataclass(slots=True)
class _Known:
    """What is known of one source. Changed under the lock only."""

    values: Values = field(default_factory=dict)
    at: float | None = None
    """Monotonic seconds of its last answer; None before the first."""
    trouble: str = ""
    asked_at: float | None = None
    """Since when an answer is awaited; None where none is."""


class Measuring:
    """Looks again and again. `tick` may be called by one thread at a time, `latest` by any."""

    def __init__(
        self,
        asked: Sequence[Reader],
        *,
        expected: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        local: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`expected`: how many workers there should be."""
        self._readers = tuple(asked)
        self._expected, self._clock, self._local = expected, clock, local
        self._known = {each.source: _Known() for each in self._readers}
        self._changed = threading.Condition()

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(self._known)

    def tick(self, patience_s: float) -> Measured:
        """Asks what is due, waits for the answers no longer than that, and tells what is known then."""
        until = self._clock() + patience_s
        for each in self._readers:
            self._start(each)
        with self._changed:
            while any(known.asked_at is not None for known in self._known.values()):
                left = until - self._clock()
                if left <= 0 or not self._changed.wait(left):
                    break
        return self.latest()

    def _start(self, reader: Reader) -> None:
        known, now = self._known[reader.source], self._clock()
        with self._changed:
            if known.asked_at is not None or not reader.pace.due(now):
                return
            known.asked_at = now
        threading.Thread(target=self._ask, args=(reader,), name=f"measure {reader.source}", daemon=True).start()

    def _ask(self, reader: Reader) -> None:
        trouble, values = "", Values()
        try:
            values = reader.read()
        except LomiError as failure:
            trouble = failure.message
        except Exception as bug:  # noqa: BLE001 - one source's bad luck is not the others'
            trouble = f"{type(bug).__name__} inside lomi"
        with self._changed:
            known, now = self._known[reader.source], self._clock()
            known.trouble, known.values = trouble, values
            if not trouble:
                known.at = now
            reader.pace.asked(now)
            known.asked_at = None
            self._changed.notify_all()

    def latest(self) -> Measured:
        """What is known now; asks nobody."""
        with self._changed:
            now, values, silent = self._clock(), Bag(), {}
            for source, known in self._known.items():
                trouble = self._trouble(known, now)
                if trouble:
                    silent[source] = trouble
                else:
                    values.values |= known.values
                if source in SERVICES:
                    values.put("lomi_up", not trouble, service=source.value)
                if known.at is not None:
                    values.put("lomi_source_age_seconds", now - known.at, source=source.value)
        values.put("lomi_workers_expected", self._expected)
        values.put("lomi_build_info", 1, version=__version__)
        return Measured(self._local(), values.values, silent)

    @staticmethod
    def _trouble(known: _Known, now: float) -> str:
        """Empty where its numbers hold."""
        if known.trouble:
            return known.trouble
        since = known.asked_at
        if since is not None and (known.at is None or now - since > STALE_S):
            return f"no answer for {now - since:.0f} s"
        return "" if known.at is not None else "not asked yet"
