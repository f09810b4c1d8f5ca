"""What any worker does for all now and then: expired leases, results that nobody heard, messages that came due, jobs
that ended without the ledger."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from lomi_ops.config.sections.working import WorkerSection
from lomi_ops.db import checkpoints, history, ledger, outbox
from lomi_ops.db.pool import Database
from lomi_ops.domain.delivery import deliver
from lomi_ops.errors import NotFound
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Tended
from worker.retelling import told_again

log = logging.getLogger(__name__)

SWEEP_S = 3600.0
"""Between sweeps; the first one comes after this long, so that restarts do not sweep."""
FORGOTTEN = timedelta(days=30)
"""A checkpoint that nobody touched for so long belongs to a job that never came back."""
PAGE, PAGES = 250, 20
"""Ends that are written down at once, and how often in one round: a cancelled import has many."""


@dataclass(slots=True)
class Upkeep:
    """The rounds of one worker process."""

    queue: JobQueue
    database: Database
    section: WorkerSection
    swept_at: float = 0.0
    """Monotonic seconds; 0 before the first turn."""
    rested: bool = True
    """Whether the last turn left the queue alone."""
    busy: bool = True

    def turn(self) -> None:
        """One round. Raises RedisUnavailable and DatabaseUnavailable; each part is safe to repeat."""
        tended = self._tend() if self._tends() else None
        now = self.database.now()  # one worker's wrong clock must not deliver what can still be undone
        self._deliver(now)
        self._sweep(time.monotonic(), now)
        if tended is not None and tended.ended and not tended.reaped.skipped:  # the one look of all workers
            self._write_down()
        if tended is not None and tended.muted:
            self.queue.relay()  # for its error

    def _tends(self) -> bool:
        """Every other turn is enough where nothing runs or is delayed: a lease that somebody takes meanwhile lasts for
        longer than two turns. An idle worker must cost its Redis next to nothing."""
        self.rested = not self.rested and not self.busy and 2 * self.section.reap_s <= self.section.lease_s
        return not self.rested

    def _tend(self) -> Tended:
        self.busy = True  # where the call fails, too: the next turn makes up for it
        tended = self.queue.upkeep(lease_s=self.section.lease_s, tick_s=self.section.reap_s)
        self.busy = tended.busy
        reaped = tended.reaped
        for word, names in (("requeued", reaped.requeued), ("dead", reaped.buried), ("cancelled", reaped.cancelled)):
            for job_id in names:
                fields = {"action": "job_reaped", "job_id": job_id, "to": word}
                log.warning("lease expired, job %s", word, extra=fields)
        for job_id in reaped.doubt:
            self._absolve(job_id, self.database.now())
        return tended

    def _absolve(self, job_id: str, now: datetime) -> None:
        """A job whose workers all died may have been settled by one of them, just before."""
        known = ledger.entry(self.database, job_id)
        if known is None or known.settled_at is None:
            self.queue.absolve(job_id, settled=False)
            return
        message = told_again(self.database, known.payload, known.settled_at, now)
        if self.queue.absolve(job_id, settled=True, payload=(message or "").encode()) is not None:
            log.warning("dead job was settled before", extra={"action": "job_absolved", "job_id": job_id})

    def _write_down(self) -> None:
        """Jobs that ended without the ledger, into Postgres. Forgotten by the queue only after the commit: a crash in
        between tells them twice, and they are kept once."""
        for _ in range(PAGES):
            told = self.queue.ended(PAGE)
            if told:
                history.keep(self.database, told)
                self.queue.forget_ended([each.entry for each in told])
            if len(told) < PAGE:
                break

    def _deliver(self, now: datetime) -> None:
        """Messages of later decisions, and those whose sender was interrupted."""
        if outbox.waits(self.database, at=now):  # an idle worker does not ask Redis for the time
            deliver(self.queue.now_ms, lambda: outbox.take_next(self.database, at=self.database.now()), self._announce,
                    self._confirm)  # fmt: skip

    def _announce(self, job_id: str, payload: bytes, until_ms: int) -> bool:
        return not self.queue.announce(job_id, payload, until_ms=until_ms).late

    def _confirm(self, message_id: int) -> None:
        with suppress(NotFound):  # another worker marked it in between
            outbox.mark_published(self.database, message_id, at=self.database.now())

    def _sweep(self, elapsed: float, now: datetime) -> None:
        if not self.swept_at:
            self.swept_at = elapsed
        if elapsed - self.swept_at >= SWEEP_S:
            self.swept_at = elapsed
            checkpoints.sweep(self.database, before=now - FORGOTTEN)
