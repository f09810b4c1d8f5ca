"""The leases a worker process holds, and the thread that keeps them alive. It shares nothing with inference."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lomi_ops.config.sections.working import FENCE_MARGIN_S, WorkerSection
from lomi_ops.errors import LeaseLost, LomiError
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Beat, Claimed, WorkerMode

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lease:
    """One job in hand. `check` is what every step that writes must call first."""

    claimed: Claimed
    taken_at: float
    """Monotonic seconds, when the claim was sent."""
    renewed_at: float
    lease_s: float
    limit_s: float
    verdict: Beat = Beat.OK
    overdue: bool = False
    """It ran longer than `limit_s`: then it gets no more beats."""
    on_lost: Callable[[], None] = field(default=lambda: None)
    """Called once, by the beat, when the job is no longer ours."""

    def check(self, now: float | None = None) -> None:
        """Raises LeaseLost when the job is no longer ours, or so nearly that writing would be a gamble."""
        now = time.monotonic() if now is None else now
        if self.verdict is not Beat.OK:
            raise LeaseLost(f"the lease on job {self.claimed.job_id} is gone ({self.verdict.value.lower()})")
        if now - self.renewed_at > self.lease_s - FENCE_MARGIN_S:
            raise LeaseLost(f"the lease on job {self.claimed.job_id} was not renewed in time")

    def hung(self, now: float) -> bool:
        return now - self.taken_at > self.limit_s


class Leases:
    """All leases of a process. `beat` renews them in one call; every method is safe from any thread."""

    def __init__(self, queue: JobQueue, boot: str, settings: WorkerSection) -> None:
        self._queue = queue
        self._boot = boot
        self._settings = settings
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        self.mode: WorkerMode | None = WorkerMode.RUNNING

    def hold(self, claimed: Claimed, sent_at: float, on_lost: Callable[[], None]) -> Lease:
        """From now on the beat renews this lease. `sent_at` is when the claim was sent: the server's clock for the
        lease started no earlier."""
        section = self._settings
        lease = Lease(claimed, sent_at, sent_at, section.lease_s, section.job_limit_s, on_lost=on_lost)
        with self._lock:
            self._held[claimed.job_id] = lease
        return lease

    def disarm(self, lease: Lease) -> None:
        """Nothing is left to stop: the job is judged. Once this returns, `on_lost` is not called any more. Without it
        a beat that crosses the end of the job would find it gone, and kill the judging process over the next one."""
        with self._lock:
            lease.on_lost = lambda: None

    def drop(self, lease: Lease) -> None:
        with self._lock:
            if self._held.get(lease.claimed.job_id) is lease:
                del self._held[lease.claimed.job_id]

    def held(self) -> list[Lease]:
        with self._lock:
            return list(self._held.values())

    def beat(self, now: float) -> None:
        """Renews every lease that is not hung. What the server calls lost or cancelled is told to its owner.

        A hung job gets no more beats: another worker takes it, and `on_lost` kills the process that hangs.
        """
        leases = self.held()
        for lease in leases:
            if lease.hung(now) and lease.verdict is Beat.OK:
                log.error("job hangs", extra={"action": "job_hung", "job_id": lease.claimed.job_id})
                lease.overdue = True
                self._lose(lease, Beat.LOST)
        alive = [lease for lease in leases if lease.verdict is Beat.OK]
        answer = self._queue.beat(
            self._boot, {lease.claimed.job_id: lease.claimed.token for lease in alive}, self._settings.lease_s
        )
        self.mode = answer.mode
        for lease in alive:
            word = answer.leases[lease.claimed.job_id]
            if word is Beat.OK:
                lease.renewed_at = now
            else:
                self._lose(lease, word)

    def _lose(self, lease: Lease, word: Beat) -> None:
        """Under the lock, so that it happens while the job is still in hand or not at all."""
        with self._lock:
            if self._held.get(lease.claimed.job_id) is lease:
                lease.verdict = word
                lease.on_lost()


class Ticker(threading.Thread):
    """Calls a function every so often until stopped. A failure is logged once until it changes, and never fatal."""

    def __init__(self, name: str, every_s: float, step: Callable[[], None], stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._every_s = every_s
        self._step = step
        self._stop_event = stop
        self._trouble = ""

    def run(self) -> None:
        while not self._stop_event.wait(self._every_s):
            self.turn()

    def turn(self) -> None:
        try:
            self._step()
        except LomiError as failure:
            if failure.message != self._trouble:
                fields = {"action": f"{self.name}_failed", "hint": failure.hint}
                log.warning("%s: %s", self.name, failure.message, extra=fields)
            self._trouble = failure.message
        except Exception:
            # The beat must survive anything: a worker whose leases quietly run out does its work twice.
            log.exception("%s failed", self.name, extra={"action": f"{self.name}_bug"})
        else:
            self._trouble = ""
