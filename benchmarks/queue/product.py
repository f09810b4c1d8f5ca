"""A process with workers of lomi whose jobs do nothing: `python -m benchmarks.queue.product PLAN`, the plan as JSON.

Slots, leases, beat, upkeep and doorbell are the product's, with its default timings. A `noop` job is parsed, its lease
is checked, and it is finished with a message. In a `ledger` job only the judging is exchanged: it is looked up, triaged
and settled in Postgres, too. A `hold` job is never finished.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from benchmarks.queue.gate import Gate
from lomi_ops.config.schema import Settings
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import PhotoRef
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.queue.client import doorbell_client, queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import QUEUE, Keys
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.wire import parse_job
from worker.batch import BatchJudge, Outcome
from worker.doorbell import Doorbell
from worker.leases import Lease, Leases, Ticker
from worker.signals import Signals
from worker.slot import Slot
from worker.upkeep import Upkeep

GATE = Gate()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one process is to do. It works from `go` until its stdin says more, or for `quiet_s` after the last job."""

    kind: str
    redis_url: str
    database_url: str = ""
    slots: int = 1
    queues: tuple[str, ...] = (QUEUE,)
    """A worker for each."""
    quiet_s: float = 0.0
    """0: until told to stop."""
    starts: bool = False
    """Whether each start of a job is told, as a line with its id and the time."""

    def dump(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True)
class NoJudge:
    """Approves every photo unseen."""

    settings: Settings
    process: Any = field(default_factory=lambda: SimpleNamespace(kill=lambda: None))
    outlook: Any = field(default_factory=lambda: SimpleNamespace(serves=lambda _: True))

    @property
    def policy(self) -> Any:
        return self.settings.active_policy("local")

    def judge(self, todo: Sequence[PhotoRef], _book: object, _alive: Callable[[], None]) -> Outcome:
        return Outcome(tuple(_approved(photo.media_id) for photo in todo), ())


class NoopSlot(Slot):
    """With neither judging nor Postgres."""

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        job = parse_job(claimed.raw)
        self.leases.disarm(lease)
        self._alive(lease)
        _started(claimed)
        self._finish(claimed, lease, f'{{"job_id":"{job.job_id}","status":"approved"}}')


class LedgerSlot(Slot):
    """With Postgres, without judging."""

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        _started(claimed)
        super()._run(claimed, lease)


class HoldSlot(Slot):
    """Has one job in hand and never lets it go."""

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        _started(claimed)
        threading.Event().wait()


KINDS: dict[str, type[Slot]] = {"noop": NoopSlot, "ledger": LedgerSlot, "hold": HoldSlot}


class NoMessages(Upkeep):
    """Upkeep where there is no Postgres."""

    def _deliver(self, now: datetime) -> None:
        pass

    def _sweep(self, elapsed: float, now: datetime) -> None:
        pass


def _approved(media_id: UUID) -> PhotoDecision:
    return PhotoDecision(media_id, MediaStatus.APPROVED, None, {})


TELL = False


def _started(claimed: Claimed) -> None:
    GATE.note()
    if TELL:
        sys.stdout.write(f"{claimed.job_id} {time.time()}\n")
        sys.stdout.flush()


class Worker:
    """One worker: its slots, its beat and its upkeep, each a thread as in `worker.run`."""

    def __init__(self, plan: Plan, queue_name: str, settings: Settings) -> None:
        keys = Keys(queue_name)
        self.signals, self.stop = Signals(), threading.Event()
        boot = str(uuid.uuid4())
        queue, self.beats = (JobQueue(queue_client(settings.redis), keys=keys) for _ in range(2))
        bell = Doorbell(queue, Line(doorbell_client(settings.redis)))
        self.leases = Leases(self.beats, boot, settings.worker)
        database = cast(Database, None)
        if plan.database_url:
            database = Database.from_section(settings.database, application="bench")
        make, judge = KINDS[plan.kind], cast(BatchJudge, NoJudge(settings))
        self.slots = [
            make(f"{boot}/{n}", queue, database, judge, self.leases, self.signals, settings, bell.ring, bell.stir)
            for n in range(plan.slots)
        ]
        upkeep = (Upkeep if plan.database_url else NoMessages)(self.beats, database, settings.worker)
        section = settings.worker
        # A worker starts at any time: so that many in one process do not tick together.
        self._delay_s = random.random() * section.beat_s if len(plan.queues) > 1 else 0.0
        self._tickers = [
            Ticker("beat", section.beat_s, lambda: self.leases.beat(time.monotonic()), self.stop),
            Ticker("upkeep", section.reap_s, upkeep.turn, self.stop),
        ]

    def start(self) -> None:
        for slot in self.slots:
            threading.Thread(target=slot.run, daemon=True).start()
        threading.Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        time.sleep(self._delay_s)
        for ticker in self._tickers:
            ticker.start()


def main(plan: Plan) -> None:
    global TELL
    TELL = plan.starts
    logging.disable(logging.INFO)
    sections: dict[str, Any] = {"redis": {"url": plan.redis_url}, "policy": {"active": "local"}}
    if plan.database_url:
        sections["database"] = {"url": plan.database_url, "pool_size": plan.slots + 1}
    settings = Settings.model_validate(sections)
    workers = [Worker(plan, name, settings) for name in plan.queues]
    GATE.wait()
    for worker in workers:
        worker.start()
    if plan.quiet_s:
        deadline = time.time() + 10  # for the first job
        while time.time() < max(0 if GATE.count else deadline, GATE.last + plan.quiet_s):
            time.sleep(0.1)
    else:
        sys.stdin.readline()
    for worker in workers:
        worker.signals.drain.set()
        worker.stop.set()
    GATE.report()


if __name__ == "__main__":
    words = json.loads(sys.argv[1])
    main(Plan(**words | {"queues": tuple(words.get("queues", (QUEUE,)))}))
