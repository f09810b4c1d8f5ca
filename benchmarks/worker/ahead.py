"""A worker that claims the next job, and fetches its photos, while the last photo of the one before is judged.

For benchmarks.worker.far_store alone. Two slots share each judging process: the second may claim once the last photo of
the first is on its way to it. Nothing is fetched that is not owned. What is missing for real use is in
docs/performance.md.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, fields

from lomi_ops.cli.main import run as lomi
from lomi_ops.db.pool import Database
from lomi_ops.domain.job import PhotoRef
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed
from worker import run
from worker.batch import Answer, BatchJudge, CrashBook, Outcome
from worker.judging.look import Look
from worker.leases import Lease
from worker.slot import Slot

ASK_AGAIN_S = 0.5


@dataclass(slots=True)
class Turns:
    """Whose turn it is, of the two slots of one judging process."""

    judging: threading.Lock = field(default_factory=threading.Lock)
    _early: threading.Lock = field(default_factory=threading.Lock)
    """Held from the claim until the last photo of the job is on its way."""
    _holder: str = ""

    def take(self, slot: str, timeout_s: float) -> bool:
        if self._holder == slot:
            return True
        if not self._early.acquire(timeout=timeout_s):
            return False
        self._holder = slot
        return True

    def pass_on(self, slot: str) -> None:
        if self._holder == slot:
            self._holder = ""
            self._early.release()


@dataclass(frozen=True, slots=True)
class PairedJudge(BatchJudge):
    """Says when the last photo of a job is on its way."""

    turns: Turns = field(default_factory=Turns)
    slot: str = ""
    left: list[int] = field(default_factory=lambda: [0])

    def judge(self, photos: Sequence[PhotoRef], crashes: CrashBook, alive: Callable[[], None]) -> Outcome:
        self.left[0] = len(photos)
        return BatchJudge.judge(self, photos, crashes, alive)

    def _start(
        self, photo: PhotoRef, fetched: Future[bytes], crashes: CrashBook, alive: Callable[[], None]
    ) -> Answer | Future[Answer]:
        self.left[0] -= 1
        if self.left[0] == 0:
            fetched.exception()
            with self.turns.judging:
                pass
            self.turns.pass_on(self.slot)
        return BatchJudge._start(self, photo, fetched, crashes, alive)

    def _look(self, photo: PhotoRef, data: bytes, crashes: CrashBook, alive: Callable[[], None]) -> Look:
        with self.turns.judging:
            return BatchJudge._look(self, photo, data, crashes, alive)


@dataclass(slots=True)
class PairedSlot(Slot):
    """Claims when it is its turn."""

    turns: Turns = field(default_factory=Turns)

    def run(self) -> None:
        while not self.signals.drain.is_set():
            if not self.turns.take(self.name, ASK_AGAIN_S):
                continue
            try:
                self.step()
            finally:
                if self.claims.in_hand() is None:
                    self.turns.pass_on(self.name)
        self._give_back_next()

    def _finish(self, claimed: Claimed, lease: Lease, payload: str | None, tally: str = "") -> None:
        """Claims along only where nobody else is early."""
        if self.turns.take(self.name, 0):
            Slot._finish(self, claimed, lease, payload, tally)
        else:
            self.ends.finish(
                claimed,
                lease,
                payload,
                lambda body: self.queue.finish(claimed.job_id, claimed.token, body, tally=tally),
            )


class AheadWorker(run.Worker):
    """Two slots for each judging process."""

    def _slots(self, queue: JobQueue, database: Database) -> list[Slot]:
        return [paired for slot in super()._slots(queue, database) for paired in _pair(slot)]


def _pair(slot: Slot) -> list[Slot]:
    turns = Turns()
    names = {each.name: getattr(slot, each.name) for each in fields(slot) if each.init}
    judge = {each.name: getattr(slot.judge, each.name) for each in fields(slot.judge)}
    made: list[Slot] = []
    for name in (slot.name, f"{slot.name}+"):
        paired = PairedJudge(**judge, turns=turns, slot=name)
        made.append(PairedSlot(**names | {"name": name, "judge": paired}, turns=turns))
    return made


if __name__ == "__main__":
    run.Worker = AheadWorker  # type: ignore[misc]
    sys.exit(lomi(["worker"]))
