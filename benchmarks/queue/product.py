"""A worker process of lomi whose jobs do nothing: `noop CONCURRENCY` or `ledger CONCURRENCY`.

Slots, leases, beat, upkeep and doorbell are the product's. In `noop` a job is parsed, its lease is checked, and it is
finished with a message; in `ledger` only the judging is exchanged, so each job also is looked up, triaged and settled in
Postgres.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
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
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.wire import parse_job
from worker.batch import BatchJudge, Outcome
from worker.doorbell import Doorbell
from worker.leases import Lease, Leases, Ticker
from worker.signals import Signals
from worker.slot import Slot
from worker.upkeep import Upkeep

QUIET_S = 1.0
"""Without a job for so long the queue is taken for empty."""
GATE = Gate()


class NoJudge:
    """Approves every photo unseen."""

    def __init__(self, settings: Settings) -> None:
        self.policy = settings.active_policy("local")
        self.process = SimpleNamespace(kill=lambda: None)
        self.outlook = SimpleNamespace(serves=lambda _: True)

    def judge(self, todo: Sequence[PhotoRef], _book: object, _alive: Callable[[], None]) -> Outcome:
        return Outcome(tuple(approved(photo.media_id) for photo in todo), ())


class NoopSlot(Slot):
    """With neither judging nor Postgres."""

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        job = parse_job(claimed.raw)
        self.leases.disarm(lease)
        self._alive(lease)
        GATE.note()
        self.ends.finish(claimed, lease, f'{{"job_id":"{job.job_id}","status":"approved"}}')


class LedgerSlot(Slot):
    """With Postgres, without judging."""

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        GATE.note()
        super(LedgerSlot, self)._run(claimed, lease)


class NoMessages(Upkeep):
    """Upkeep where there is no Postgres."""

    def _deliver(self, now: datetime) -> None:
        pass

    def _sweep(self, elapsed: float, now: datetime) -> None:
        pass


def approved(media_id: UUID) -> PhotoDecision:
    return PhotoDecision(media_id, MediaStatus.APPROVED, None, {})


def main(kind: str, concurrency: int, where: dict[str, Any]) -> None:
    logging.disable(logging.INFO)
    settings = Settings.model_validate(where | {"policy": {"active": "local"}})
    boot, signals, stop = str(uuid.uuid4()), Signals(), threading.Event()
    queue, beats = (JobQueue(queue_client(settings.redis)) for _ in range(2))
    bell = Doorbell(queue, doorbell_client(settings.redis))
    leases = Leases(beats, boot, settings.worker)
    database = cast(Database, None) if kind == "noop" else Database.from_section(settings.database, application="bench")
    judge, make = cast(BatchJudge, NoJudge(settings)), NoopSlot if kind == "noop" else LedgerSlot
    slots = [
        make(f"{boot}/{n}", queue, database, judge, leases, signals, settings, bell.ring) for n in range(concurrency)
    ]
    upkeep = NoMessages if kind == "noop" else Upkeep
    tickers = [
        Ticker("beat", settings.worker.beat_s, lambda: leases.beat(time.monotonic()), stop),
        Ticker("upkeep", settings.worker.reap_s, upkeep(beats, database, settings.worker).turn, stop),
    ]
    GATE.wait()
    for ticker in tickers:
        ticker.start()
    with ThreadPoolExecutor(concurrency) as pool:
        running = [pool.submit(slot.run) for slot in slots]
        deadline = time.time() + 10
        while time.time() < max(deadline if not GATE.count else 0, GATE.last + QUIET_S):
            time.sleep(0.1)
        signals.drain.set()
        for slot in running:
            slot.result()
    stop.set()
    GATE.report()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))
