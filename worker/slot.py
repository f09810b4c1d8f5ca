"""One slot: claims a job, has it judged, settles it in Postgres, finishes it in Redis. Then the next."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lomi_ops.config.schema import Settings
from lomi_ops.db import checkpoints, ledger, media
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.db.pool import Database
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import Job
from lomi_ops.errors import DatabaseUnavailable, JobError, LeaseLost, LomiError, ModelError, RedisUnavailable, Transient
from lomi_ops.queue.jobs import RETENTION_S, JobQueue
from lomi_ops.queue.replies import Beat, Claimed, Empty, Limited, Paused, Stale
from lomi_ops.queue.wire import parse_job
from worker.batch import BatchJudge, Outcome, in_order
from worker.ends import Ends
from worker.judging.host import JudgeDown
from worker.leases import Lease, Leases
from worker.report import report
from worker.signals import Signals
from worker.triage import RowsMissing, Triage, triage
from worker.weather import Postponed, bad_weather, sort_out

log = logging.getLogger(__name__)

IDLE_S = 2.0
"""Longest nap while the queue is paused or limited, so that a resume is noticed soon."""


class GivenBack(LomiError):
    """The worker was told to stop now: the job goes back unharmed."""


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

    @property
    def ends(self) -> Ends:
        return Ends(self.queue, self.signals)

    def run(self) -> None:
        while not self.signals.drain.is_set():
            try:
                self.step()
            except Exception:
                # A slot that died silently would leave a worker that looks healthy and does nothing.
                log.exception("slot failed inside lomi", extra={"action": "slot_bug", "slot": self.name})
                self.signals.drain.wait(IDLE_S)

    def step(self) -> None:
        """One claim and what follows from it."""
        sent_at = time.monotonic()
        try:
            reply = self._claim()
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "claim_failed", "hint": outage.hint})
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
        nap = 0.0
        try:
            self._run(claimed, lease)
        except LeaseLost as lost:
            self._lost(claimed, lease, lost)
        except GivenBack:
            self.ends.release(claimed)
        except (ModelError, JudgeDown) as unfit:
            # This machine cannot judge: another one may, and whoever supervises us starts us again.
            self.ends.release(claimed)
            self.signals.stop_for(unfit)
        except Postponed as later:
            nap = self.ends.fail(claimed, lease, later.failure, everywhere=later.everywhere)
        except RedisUnavailable as outage:
            # The lease runs out by itself; the ledger keeps the work from being done twice.
            log.warning(outage.message, extra={"action": "finish_failed", "job_id": claimed.job_id})
        except (Transient, DatabaseMisfit) as outage:
            nap = self.ends.fail(claimed, lease, bad_weather([outage]), everywhere=not self._passing(outage))
        except LomiError as failure:
            self.ends.fail(claimed, lease, _explained(Failure.of(failure), claimed))
        except Exception as bug:
            log.exception("job failed inside lomi", extra={"action": "job_bug", "job_id": claimed.job_id})
            self.ends.fail(claimed, lease, _explained(Failure.of(bug), claimed))
        finally:
            self.leases.drop(lease)
        if nap:
            self.signals.drain.wait(nap)

    def _run(self, claimed: Claimed, lease: Lease) -> None:
        job = parse_job(claimed.raw)
        settled = ledger.entry(self.database, job.job_id)
        if settled is not None and settled.settled_at is not None:
            self._finish_again(claimed, lease, settled.payload, settled.settled_at)
            return
        sorted_out = self._triaged(job)
        decisions = self._decide(job, sorted_out, claimed, lease)
        self.leases.disarm(lease)
        self._alive(lease)
        done = ledger.settle(
            self.database,
            job,
            decisions,
            attempt=claimed.attempt,
            token=claimed.token,
            worker=self.name,
            at=self.database.now(),
            policy=self.judge.policy,
        )
        self.ends.finish(claimed, lease, done.payload)
        if done.duplicate:
            log.info("job was settled meanwhile", extra={"action": "job_resettled", "job_id": job.job_id})
            return
        applied = [decision for decision in decisions if decision.media_id in set(done.applied)]
        report(job, applied, dict(sorted_out.skipped) | dict(done.skipped), claimed.attempt)

    def _finish_again(self, claimed: Claimed, lease: Lease, payload: str | None, settled_at: datetime) -> None:
        self.leases.disarm(lease)
        message = message_again(payload, settled_at, self.database.now())
        fields = {"action": "job_resettled", "job_id": claimed.job_id, "withheld": message != payload}
        log.info("job was settled before", extra=fields)
        self.ends.finish(claimed, lease, message)

    def _triaged(self, job: Job) -> Triage:
        """Raises JobError for a job that is nobody's, RowsMissing for one whose rows may be on their way."""
        sorted_out = triage(job, media.photos_of(self.database, [photo.media_id for photo in job.photos]))
        if sorted_out.foreign:
            raise JobError(f"no photo of job {job.job_id} belongs to its batch and user", code="batch_mismatch")
        if sorted_out.unknown:
            raise RowsMissing(f"no media row of job {job.job_id} exists (yet)")
        return sorted_out

    def _decide(self, job: Job, sorted_out: Triage, claimed: Claimed, lease: Lease) -> list[PhotoDecision]:
        """Decisions on the photos of the job that are ours. Raises Postponed where some cannot be had yet; those that
        can are kept for the next attempt."""
        kept = self._kept(job, claimed)
        todo = [photo for photo in sorted_out.todo if photo.media_id not in kept]
        outcome = self.judge.judge(todo, _Book(self.database, job.job_id), lambda: self._alive(lease))
        decisions = [*outcome.decisions, *self._after_waiting(job, outcome, claimed)]
        decided = kept | {decision.media_id: decision for decision in decisions}
        return in_order(sorted_out.todo, decided)

    def _after_waiting(self, job: Job, outcome: Outcome, claimed: Claimed) -> tuple[PhotoDecision, ...]:
        """What a person gets of the photos that wait. Raises Postponed where some wait on."""
        if not outcome.waiting:
            return ()
        section = self.settings.worker
        sorted_out = sort_out(
            outcome.waiting,
            self.judge.outlook.serves,
            last_try=claimed.attempt >= section.attempts,
            too_long=claimed.outage_s() > section.outage_limit_s,
        )
        if sorted_out.postponed is not None:
            self._keep(job, (*outcome.decisions, *sorted_out.handed_over))
            raise sorted_out.postponed
        return sorted_out.handed_over

    def _keep(self, job: Job, decisions: Iterable[PhotoDecision]) -> None:
        for decision in decisions:
            checkpoints.save(self.database, job.job_id, decision, at=self.database.now())

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

    def _passing(self, outage: LomiError) -> bool:
        """Whether Postgres answers on a new connection: then only ours was cut, and nobody else has to wait."""
        if not isinstance(outage, DatabaseUnavailable):
            return False
        try:
            self.database.ping()
        except LomiError:
            return False
        return True

    def _lost(self, claimed: Claimed, lease: Lease, lost: LeaseLost) -> None:
        log.warning(lost.message, extra={"action": "lease_lost", "job_id": claimed.job_id})
        if lease.verdict is Beat.CANCEL:
            self.ends.release(claimed)
        elif lease.overdue:
            # Nobody else has it yet, and the next claim of this slot would adopt it, with the same attempt, for ever.
            text = f"ran longer than worker.job_limit_s = {self.settings.worker.job_limit_s:g} s"
            self.ends.fail(claimed, lease, _explained(Failure(ErrorClass.TRANSIENT, "hung", text), claimed))


@dataclass(frozen=True, slots=True)
class _Book:
    """The crash counts of one job, in Postgres."""

    database: Database
    job_id: str

    def note_crash(self, media_id: UUID) -> int:
        return checkpoints.note_crash(self.database, self.job_id, media_id, at=self.database.now())


def message_again(payload: str | None, settled_at: datetime, now: datetime) -> str | None:
    """The message to finish a job with that the ledger has already: the stored one, which the queue publishes unless
    it has done so; none once the queue may have forgotten that it did, since a second message is a second push."""
    return payload if (now - settled_at).total_seconds() < RETENTION_S / 2 else None


def _explained(failure: Failure, claimed: Claimed) -> Failure:
    """With the next command, for whoever finds the dead letter."""
    return failure if failure.hint else replace(failure, hint=f"lomi queue show {claimed.job_id}")
