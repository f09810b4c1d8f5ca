"""One slot: claims a job, has it judged, settles it in Postgres, finishes it in Redis. Then the next."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from lomi_ops.config.schema import Settings
from lomi_ops.db import checkpoints, ledger, media
from lomi_ops.db.pool import Database
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import Job
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import JobError, LeaseLost, LomiError, ModelError, RedisUnavailable, Transient
from lomi_ops.queue.jobs import RETENTION_S, JobQueue
from lomi_ops.queue.replies import Beat, Claimed, Empty, Fenced, Limited, Paused, Stale
from lomi_ops.queue.wire import parse_job
from worker.batch import BatchJudge, Outcome, in_order
from worker.judging.host import JudgeDown
from worker.leases import Lease, Leases
from worker.triage import triage

log = logging.getLogger(__name__)

IDLE_S = 2.0
"""Longest nap while the queue is paused or limited, so that a resume is noticed soon."""
FINISH_TRIES = 3


class GivenBack(LomiError):
    """The worker was told to stop now: the job goes back unharmed."""


@dataclass(slots=True)
class Signals:
    """What the main thread tells the slots."""

    drain: threading.Event = field(default_factory=threading.Event)
    """Claim nothing more."""
    give_back: threading.Event = field(default_factory=threading.Event)
    """Give back what is in hand, now."""
    fatal: list[LomiError] = field(default_factory=list)
    """Why the worker cannot go on."""

    def stop_for(self, failure: LomiError) -> None:
        self.fatal.append(failure)
        self.drain.set()


@dataclass(slots=True)
class Slot:
    """One job at a time. `step` is one turn and never raises for weather or for a bad job."""

    name: str
    """`<boot uuid>/<number>`"""
    queue: JobQueue
    database: Database
    judge: BatchJudge
    leases: Leases
    signals: Signals
    settings: Settings
    ring: Callable[[float], None]
    """Waits for the doorbell, at most that many seconds."""
    answered: Callable[[], None] = lambda: None
    """Called after each claim that Redis answered."""
    _seq: int = 0
    _unanswered: str | None = None

    def run(self) -> None:
        while not self.signals.drain.is_set():
            self.step()

    def step(self) -> None:
        """One claim and what follows from it."""
        sent_at = time.monotonic()
        try:
            reply = self._claim()
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "claim_failed"})
            self.signals.drain.wait(IDLE_S)
            return
        self.answered()
        match reply:
            case Claimed():
                self._hold(reply, sent_at)
            case Empty(wait_s=wait):
                self._wait(wait)
            case Paused(wait_s=wait):
                self.signals.drain.wait(min(wait or IDLE_S, IDLE_S))
            case Limited(wait_s=wait):
                self.signals.drain.wait(min(wait, IDLE_S))
            case Stale(seen=seen):
                self._seq = seen

    def _claim(self) -> Claimed | Empty | Paused | Limited | Stale:
        """A claim whose reply was lost is sent again unchanged: the server then hands out the same job."""
        if self._unanswered is None:
            self._seq += 1
            self._unanswered = str(uuid.uuid4())
        reply = self.queue.claim(self.name, self._seq, self._unanswered, self.settings.worker.lease_s)
        self._unanswered = None
        return reply

    def _wait(self, due_s: float | None) -> None:
        longest = float(self.settings.redis.doorbell_s)
        try:
            self.ring(longest if due_s is None else min(due_s, longest))
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "doorbell_failed"})
            self.signals.drain.wait(IDLE_S)

    def _hold(self, claimed: Claimed, sent_at: float) -> None:
        """Runs one job under its lease, and turns every way it can end into one call to the queue."""
        lease = self.leases.hold(claimed, sent_at, self.judge.process.kill)
        try:
            self._run(claimed, lease)
        except LeaseLost as lost:
            self._lost(claimed, lease, lost)
        except GivenBack:
            self._release(claimed)
        except (ModelError, JudgeDown) as unfit:
            # This machine cannot judge: another one may, and whoever supervises us starts us again.
            self._release(claimed)
            self.signals.stop_for(unfit)
        except RedisUnavailable as outage:
            # The lease runs out by itself; the ledger keeps the work from being done twice.
            log.warning(outage.message, extra={"action": "finish_failed", "job_id": claimed.job_id})
        except Transient as outage:
            self._fail(claimed, self._blamed(outage))
        except LomiError as failure:
            self._fail(claimed, Failure.of(failure))
        except Exception as bug:
            log.exception("job failed inside lomi", extra={"action": "job_bug", "job_id": claimed.job_id})
            self._fail(claimed, Failure.of(bug))
        finally:
            self.leases.drop(lease)

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        job = parse_job(claimed.raw)
        settled = ledger.entry(self.database, job.job_id)
        if settled is not None and settled.settled_at is not None:
            log.info("job was settled before", extra={"action": "job_resettled", "job_id": job.job_id})
            self._finish(claimed, message_again(settled.payload, settled.settled_at, datetime.now(UTC)))
            return
        decisions, skipped = self._decide(job, claimed, lease)
        self._alive(lease)
        done = ledger.settle(
            self.database,
            job,
            decisions,
            attempt=claimed.attempt,
            token=claimed.token,
            worker=self.name,
            at=datetime.now(UTC),
            policy=self.judge.policy,
        )
        self._finish(claimed, done.payload)
        report(job, decisions, skipped | dict(done.skipped), claimed)

    def _decide(self, job: Job, claimed: Claimed, lease: Lease) -> tuple[list[PhotoDecision], dict[UUID, str]]:
        """Decisions on the photos of the job that are ours, and the others with the reason. Raises Transient where an
        engine or a store is out; what could be decided meanwhile is kept for the next attempt."""
        rows = media.photos_of(self.database, [photo.media_id for photo in job.photos])
        sorted_out = triage(job, rows)
        if sorted_out.foreign:
            raise JobError(f"no photo of job {job.job_id} belongs to its batch and user", code="batch_mismatch")
        if sorted_out.unknown:
            raise LomiError(f"no media row of job {job.job_id} exists (yet)", hint="lomi review list")
        done = self._kept(job, claimed)
        todo = [photo for photo in sorted_out.todo if photo.media_id not in done]
        book = _Book(self.database, job.job_id)
        last_try = claimed.attempt >= self.settings.worker.attempts
        give_up = last_try or claimed.outage_s() > self.settings.worker.outage_limit_s
        outcome = self.judge.judge(todo, book, lambda: self._alive(lease), give_up=give_up)
        if outcome.waiting:
            self._keep(job, outcome)
            raise outcome.waiting[0][1]
        decided = done | {decision.media_id: decision for decision in outcome.decisions}
        return in_order(sorted_out.todo, decided), dict(sorted_out.skipped)

    def _keep(self, job: Job, outcome: Outcome) -> None:
        for decision in outcome.decisions:
            checkpoints.save(self.database, job.job_id, decision, at=datetime.now(UTC))

    def _kept(self, job: Job, claimed: Claimed) -> dict[UUID, PhotoDecision]:
        """What an earlier attempt decided. The first attempt has nothing to look up."""
        if claimed.attempt + claimed.setbacks <= 1:
            return {}
        known = checkpoints.load(self.database, job.job_id).values()
        return {each.media_id: each.decision for each in known if each.decision is not None}

    def _alive(self, lease: Lease) -> None:
        if self.signals.give_back.is_set():
            raise GivenBack("told to stop")
        lease.check()

    def _finish(self, claimed: Claimed, payload: str | None) -> None:
        """Tried again while Redis is away: the same token makes it idempotent."""
        for again in range(FINISH_TRIES):
            try:
                reply = self.queue.finish(claimed.job_id, claimed.token, (payload or "").encode())
            except RedisUnavailable:
                if again == FINISH_TRIES - 1:
                    raise
                time.sleep(0.2 * (again + 1))
            else:
                if isinstance(reply, Fenced):
                    log.warning("lease was gone at the end", extra={"action": "job_fenced", "job_id": claimed.job_id})
                return

    def _fail(self, claimed: Claimed, failure: Failure) -> None:
        fields = {"action": "job_failed", "job_id": claimed.job_id, "code": failure.code, "attempt": claimed.attempt}
        log.error(failure.message, extra=fields | {"class": failure.error_class.value})
        try:
            self.queue.fail(claimed, failure)
            if failure.error_class is ErrorClass.OUTAGE:
                self.queue.hold(failure.code, _hold_s(claimed.setbacks), failure.message)
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "fail_failed", "job_id": claimed.job_id})

    def _blamed(self, outage: Transient) -> Failure:
        """Weather only where the upstream is out as a whole. One photo that it chokes on uses up its attempts, and is
        handed to a person at the last one; meanwhile the others go on."""
        failure = Failure.of(outage)
        if failure.error_class.weather and not self.judge.is_down(outage):
            return replace(failure, error_class=ErrorClass.TRANSIENT)
        return failure

    def _lost(self, claimed: Claimed, lease: Lease, lost: LeaseLost) -> None:
        log.warning(lost.message, extra={"action": "lease_lost", "job_id": claimed.job_id})
        if lease.verdict is Beat.CANCEL:
            self._release(claimed)

    def _release(self, claimed: Claimed) -> None:
        try:
            self.queue.release(claimed.job_id, claimed.token)
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "release_failed", "job_id": claimed.job_id})
        else:
            log.info("job given back", extra={"action": "job_released", "job_id": claimed.job_id})


@dataclass(frozen=True, slots=True)
class _Book:
    """The crash counts of one job, in Postgres."""

    database: Database
    job_id: str

    def note_crash(self, media_id: UUID) -> int:
        return checkpoints.note_crash(self.database, self.job_id, media_id, at=datetime.now(UTC))


def message_again(payload: str | None, settled_at: datetime, now: datetime) -> str | None:
    """The message to finish a job with that the ledger has already: the stored one, which the queue publishes unless
    it has done so; none once the queue may have forgotten that it did, since a second message is a second push."""
    return payload if (now - settled_at).total_seconds() < RETENTION_S / 2 else None


def _hold_s(setbacks: int) -> float:
    """How long all machines leave an upstream alone: a first hiccup briefly, a long outage up to half a minute."""
    return float(min(30, 2 * 2 ** min(setbacks, 4)))


def report(job: Job, decisions: Sequence[PhotoDecision], skipped: Mapping[UUID, str], claimed: Claimed) -> None:
    """One line per photo (approvals sampled, the rest always) and one per job."""
    for decision in decisions:
        approved = decision.status is MediaStatus.APPROVED
        log.info(
            "photo %s%s",
            decision.status.value,
            f": {decision.reason}" if decision.reason else "",
            extra={
                "action": "photo_decided",
                "job_id": job.job_id,
                "media_id": str(decision.media_id),
                "status": decision.status.value,
                "reason": decision.reason or "",
                "detail": decision.detail,
                "ms": round(decision.processing_ms),
                "sampled": approved,
            },
        )
    for media_id, why in skipped.items():
        log.warning("photo skipped: %s", why, extra={"action": "photo_skipped", "media_id": str(media_id), "why": why})
    log.info(
        "job done",
        extra={
            "action": "job_done",
            "job_id": job.job_id,
            "batch_id": str(job.batch_id),
            "photos": len(decisions),
            "attempt": claimed.attempt,
            "sampled": True,
        },
    )
