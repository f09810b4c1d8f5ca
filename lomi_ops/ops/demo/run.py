"""The demo itself: upload photos as the backend does, wait for the decisions, read them back, clean up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import redis

from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db.decisions import LoggedDecision, history
from lomi_ops.db.media import PhotoRow, has_lomi_schema, photos_of
from lomi_ops.db.pool import Database
from lomi_ops.db.uploads import forget_user, record_uploads
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import LomiError, StackError
from lomi_ops.ops.demo.outcome import DemoResult, DemoRow, still_open, to_row
from lomi_ops.ops.demo.plan import Plan, make_plan
from lomi_ops.ops.demo.results import Results, listening
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.queue.client import guarded
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import QUEUE
from lomi_ops.queue.replies import JobRecord, JobState
from lomi_ops.queue.wire import dump_job
from lomi_ops.queue.workers import WorkerRegistry

USER_NAME = "lomi demo"
TICK_S = 0.2
"""How often Postgres is asked; a photo in review is not published."""
LOOK_S = 1.0
"""How often the queue is asked what became of the jobs."""
DECIDED = frozenset({MediaStatus.APPROVED, MediaStatus.REJECTED, MediaStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the demo runs."""

    store: ObjectStore
    db: Database
    redis: redis.Redis
    """A `queue.client.queue_client`."""
    bucket: str


class Step(StrEnum):
    UPLOADED = "uploaded"
    QUEUED = "queued"
    DECIDED = "decided"
    CLEANED = "cleaned"


@dataclass(frozen=True, slots=True)
class Progress:
    step: Step
    done: int
    """Photos that have come this far."""
    total: int
    row: DemoRow | None = None
    """The photo that was decided just now, for DECIDED."""


class DemoIncomplete(StackError):
    """Not every photo got its decision; `rows` are those that did."""

    def __init__(self, message: str, rows: Sequence[DemoRow], *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.rows = tuple(rows)


def run_demo(
    targets: Targets,
    samples: Sequence[Sample],
    *,
    timeout_s: float = 120.0,
    keep: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
    new_id: Callable[[], UUID] = uuid.uuid4,
) -> DemoResult:
    """Sends the photos through the running system and returns their decisions.

    `timeout_s` counts from the push of the jobs. What was created (objects, `media` rows, the user, jobs that nobody
    has finished) is removed afterwards, also after an error or Ctrl-C, unless `keep`; the decision log is append-only
    and stays. Raises DemoIncomplete for a timeout and for a job that was given up on, and whatever the object store,
    Postgres and Redis raise.
    """
    plan = make_plan(samples, targets.bucket, targets.store.url, new_id, now())
    demo = _Demo(targets, plan, on_progress, clock)
    try:
        demo.upload(now())
        rows = demo.decide(timeout_s)
    except BaseException:
        if not keep:
            with suppress(LomiError):  # what went wrong first is what people must read
                demo.clean()
        raise
    if not keep:
        demo.clean()
    return DemoResult(rows, plan.user_id, keep, max(row.elapsed_s for row in rows))


@dataclass(slots=True)
class _Demo:
    targets: Targets
    plan: Plan
    report: Callable[[Progress], None]
    clock: Callable[[], float]
    rows: dict[UUID, DemoRow] = field(default_factory=dict)
    pushed: bool = False
    """True once a job may be in the list."""
    pushed_at: float = 0.0

    def upload(self, at: datetime) -> None:
        """The objects, then the rows, as the backend has it before it pushes a job."""
        for number, upload in enumerate(self.plan.uploads, start=1):
            self.targets.store.put(upload.photo.bucket, upload.photo.key, upload.sample.data)
            self._tell(Step.UPLOADED, number)
        record_uploads(self.targets.db, self.plan.user_id, USER_NAME, self.plan.jobs, at)

    def decide(self, timeout_s: float) -> tuple[DemoRow, ...]:
        """Pushes the jobs and waits; the rows in the order of the samples."""
        with listening(self.targets.redis) as results:
            for job in self.plan.jobs:
                self.pushed = True
                with guarded(self.targets.redis, "LPUSH"):
                    self.targets.redis.lpush(QUEUE, dump_job(job))
            self.pushed_at = self.clock()
            self._tell(Step.QUEUED, len(self.plan.uploads))
            self._wait(results, timeout_s)
        return self._in_order()

    def clean(self) -> None:
        """Removes what was created. Safe to repeat, and after any step."""
        for job_id in self._open_jobs() if self.pushed else ():
            JobQueue(self.targets.redis).cancel(job_id)
        for upload in self.plan.uploads:
            self.targets.store.delete(upload.photo.bucket, upload.photo.key)
        forget_user(self.targets.db, self.plan.user_id)
        self._tell(Step.CLEANED, len(self.plan.uploads))

    def _wait(self, results: Results, timeout_s: float) -> None:
        """A photo is done when its row says so and, unless it waits for a person, when it was published as well."""
        logged = has_lomi_schema(self.targets.db)
        heard: set[UUID] = set()
        look_at, end = self.pushed_at + LOOK_S, self.pushed_at + timeout_s
        while True:
            for media_id, row in photos_of(self.targets.db, self._open()).items():
                if row.in_review or (row.status in DECIDED and media_id in heard):
                    self._decided(row, history(self.targets.db, media_id)[-1:] if logged else ())
            if not self._open():
                return
            if self.clock() >= look_at:
                self._check_jobs()
                look_at = self.clock() + LOOK_S
            if self.clock() >= end:
                raise self._timed_out(timeout_s)
            heard.update(results.next(TICK_S))

    def _decided(self, row: PhotoRow, last: Sequence[LoggedDecision]) -> None:
        sample = next(upload.sample for upload in self.plan.uploads if upload.photo.media_id == row.media_id)
        self.rows[row.media_id] = to_row(sample, row, last[0] if last else None, self.clock() - self.pushed_at)
        self._tell(Step.DECIDED, len(self.rows), self.rows[row.media_id])

    def _check_jobs(self) -> None:
        """Raises DemoIncomplete as soon as a job can no longer succeed."""
        for job_id, record in self._open_jobs().items():
            if record and record.state in (JobState.DEAD, JobState.CANCELLED):
                why = f": {record.error}" if record.error else ""
                text = f"job {job_id} is {record.state.value} after {record.attempt} attempts{why}"
                raise DemoIncomplete(text, self._in_order(), hint=f"lomi queue show {job_id}")

    def _timed_out(self, timeout_s: float) -> DemoIncomplete:
        silent = sum(row.status in DECIDED for row in photos_of(self.targets.db, self._open()).values())
        workers = len(WorkerRegistry(self.targets.redis).list())
        text = still_open(self.plan, self._open(), silent, self._open_jobs(), workers)
        hint = "`lomi status` shows the parts; their logs are in the folder that it names"
        return DemoIncomplete(f"after {timeout_s:.0f} s {text}", self._in_order(), hint=hint)

    def _open_jobs(self) -> dict[str, JobRecord | None]:
        """What the queue knows of each job that has open photos; None for a job that nobody has claimed."""
        queue = JobQueue(self.targets.redis)
        job_ids = dict.fromkeys(self.plan.job_of[media_id] for media_id in self._open())
        return {job_id: queue.job(job_id) for job_id in job_ids}

    def _open(self) -> list[UUID]:
        ids = [upload.photo.media_id for upload in self.plan.uploads]
        return [media_id for media_id in ids if media_id not in self.rows]

    def _in_order(self) -> tuple[DemoRow, ...]:
        ids = (upload.photo.media_id for upload in self.plan.uploads)
        return tuple(self.rows[media_id] for media_id in ids if media_id in self.rows)

    def _tell(self, step: Step, done: int, row: DemoRow | None = None) -> None:
        self.report(Progress(step, done, len(self.plan.uploads), row))
