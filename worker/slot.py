"""One slot: claims a job, has it judged, settles it in Postgres, finishes it in Redis. Then the next."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from lomi_ops.config.schema import Settings
from lomi_ops.db import checkpoints, ledger
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.db.fingerprints import Shelf
from lomi_ops.db.ledger import Course, Times
from lomi_ops.db.level import SchemaTooNew
from lomi_ops.db.pool import Database
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import Job
from lomi_ops.domain.regime import Rule
from lomi_ops.errors import DatabaseUnavailable, JobError, LeaseLost, LomiError, ModelError, RedisUnavailable, Transient
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Beat, Claimed, Empty, Limited, Paused, Stale
from lomi_ops.queue.wire import parse_job
from worker.batch import BatchJudge, Outcome, in_order
from worker.claims import Claims
from worker.counting import tallied
from worker.doorbell import Bell
from worker.ends import Ends
from worker.judging.host import JudgeDown
from worker.leases import Lease, Leases
from worker.report import report
from worker.retelling import told_again
from worker.signals import Signals
from worker.triage import MediaRow, RowsMissing, Triage, triage
from worker.weather import Postponed, Upstream, bad_weather, shown, shown_to_work, sort_out

log = logging.getLogger(__name__)

IDLE_S = 2.0
"""Longest nap while the queue is paused or limited, so that a resume is noticed soon."""
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 1.0
"""Between claims while Redis is away, doubled each time: a short restart costs little, a long one makes no herd."""


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
    ring: Callable[[float], Bell]
    """Waits for the doorbell, at most that many seconds."""
    stir: Callable[[], None] = lambda: None
    """Tells the idle slots of this process that there is work although the bell was silent."""
    answered: Callable[[], None] = lambda: None
    """Called after each claim that Redis answered."""
    rules: Callable[[UUID], Rule] | None = None
    """By what a user's photos are judged now; without it, by what the judge was made with."""
    shelf: Shelf = field(default_factory=Shelf)
    claims: Claims = field(init=False)
    _retry_s: float = FIRST_RETRY_S
    _heard: Bell = Bell.RANG
    """What led to the latest claim."""
    _settled_s: float | None = None
    """How long the latest settlement took, until the next one has written it down."""

    def __post_init__(self) -> None:
        self.claims = Claims(self.name, self.queue, self.settings.worker.lease_s, self.answered)

    @property
    def ends(self) -> Ends:
        return Ends(self.queue, self.signals, self.settings.worker.outage_limit_s)

    def run(self) -> None:
        while not self.signals.drain.is_set():
            try:
                self.step()
            except Exception:
                # A slot that died silently would leave a worker that looks healthy and does nothing.
                log.exception("slot failed inside lomi", extra={"action": "slot_bug", "slot": self.name})
                self.signals.drain.wait(IDLE_S)
        self._give_back_next()

    def step(self) -> None:
        """One claim, or what was claimed along with the last finish, and what follows from it."""
        try:
            reply, sent_at = self.claims.take()
        except RedisUnavailable as outage:
            self._back_off(outage, {"action": "claim_failed", "hint": outage.hint})
            return
        self._retry_s = FIRST_RETRY_S
        match reply:
            case Claimed():
                if self._heard is Bell.SILENT:
                    self.stir()
                self._heard = Bell.RANG
                self._hold(reply, sent_at)
            case Empty(wait_s=wait):
                self._wait(wait)
            case Paused(wait_s=wait):
                self.signals.drain.wait(min(wait or IDLE_S, IDLE_S))
            case Limited(wait_s=wait):
                self.signals.drain.wait(min(wait, IDLE_S))
            case Stale():
                pass  # the next claim has a higher number

    def _back_off(self, outage: RedisUnavailable, fields: dict[str, str]) -> None:
        """Said once per outage: the slots of a process ask often."""
        if self._retry_s == FIRST_RETRY_S:
            log.warning(outage.message, extra=fields)
        self.signals.drain.wait(self._retry_s)
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    def _wait(self, due_s: float | None) -> None:
        """Until there may be something. A slot that only napped has nothing to ask for, unless a job came due: the one
        at the door asks for all."""
        longest = float(self.settings.redis.doorbell_s)
        began = time.monotonic()
        try:
            self._heard = self.ring(longest if due_s is None else min(due_s, longest))
        except RedisUnavailable as outage:
            self._back_off(outage, {"action": "doorbell_failed", "hint": outage.hint})
            return
        left = None if due_s is None else due_s - (time.monotonic() - began)
        if self._heard is Bell.NAPPED and (left is None or left > 0):
            self.claims.skip(left)

    def _finish(self, claimed: Claimed, lease: Lease, payload: str | None, tally: str = "") -> None:
        """Ends the job, and claims the next one in the same round trip, unless this worker is told to stop. Nothing
        that may take long comes after it: nobody beats for that next job until `_hold` has it."""
        if self.signals.drain.is_set():
            alone = partial(self.queue.finish, claimed.job_id, claimed.token, tally=tally)
            self.ends.finish(claimed, lease, payload, alone)
        else:
            self.ends.finish(claimed, lease, payload, partial(self.claims.advance, claimed, tally=tally))

    def _give_back_next(self) -> None:
        """The order to stop crossed a finish that claimed a job along."""
        if (claimed := self.claims.in_hand()) is not None:
            self.claims.forget()
            self.ends.release(claimed)

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
        except (ModelError, JudgeDown, SchemaTooNew) as unfit:
            # This machine cannot judge, or this program may not write: another one may, and whoever supervises us
            # starts us again.
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
        job, began = parse_job(claimed.raw), time.monotonic()
        known = ledger.opening(self.database, job)
        opening_s = time.monotonic() - began
        if known.settled_at is not None:
            self._finish_again(claimed, lease, known.payload, known.settled_at)
            return
        sorted_out = _triaged(job, known.photos)
        downloads_s: list[float] = []
        judge = self.judge if self.rules is None else self.judge.under(self.rules(job.user_id))
        decisions = self._decide(job, sorted_out, claimed, lease, judge, downloads_s)
        self.leases.disarm(lease)
        self._alive(lease)
        times = Times(opening_s, downloads_s, self._settled_s)
        self._settled_s = None  # not twice, should the answer to this one be lost
        course, began = course_of(job, claimed, lease, times), time.monotonic()
        done = ledger.settle(
            self.database,
            job,
            decisions,
            attempt=claimed.attempt,
            token=claimed.token,
            worker=self.name,
            at=self.database.now(),
            policy=judge.rule.policy,
            course=course,
            shelf=self.shelf,
        )
        write_s = time.monotonic() - began
        self._served(claimed, {Upstream.DATABASE}, finished=True)
        if done.duplicate:
            now = self.database.now()
            self._finish(claimed, lease, told_again(self.database, done.payload, now, now))
            log.info("job was settled meanwhile", extra={"action": "job_resettled", "job_id": job.job_id})
            return
        self._settled_s = write_s
        counted = tallied(
            job, claimed, decisions, set(done.applied),
            downloads_s=downloads_s, write_s=write_s, took_s=course.took_s + write_s,
            reuse=judge.recall is not None,
        )  # fmt: skip
        self._finish(claimed, lease, done.payload, str(counted))
        applied = [decision for decision in decisions if decision.media_id in set(done.applied)]
        report(job, applied, dict(sorted_out.skipped) | dict(done.skipped), claimed.attempt)

    def _finish_again(self, claimed: Claimed, lease: Lease, payload: str | None, settled_at: datetime) -> None:
        self.leases.disarm(lease)
        message = told_again(self.database, payload, settled_at, self.database.now())
        fields = {"action": "job_resettled", "job_id": claimed.job_id, "withheld": message != payload}
        log.info("job was settled before", extra=fields)
        self._served(claimed, {Upstream.DATABASE}, finished=True)
        self._finish(claimed, lease, message)

    def _decide(
        self, job: Job, sorted_out: Triage, claimed: Claimed, lease: Lease, judge: BatchJudge, downloads_s: list[float]
    ) -> list[PhotoDecision]:
        """Decisions on the photos of the job that are ours. Raises Postponed where some cannot be had yet; those that
        can are kept for the next attempt."""
        kept = self._kept(job, claimed)
        todo = [photo for photo in sorted_out.todo if photo.media_id not in kept]
        outcome = judge.judge(todo, _Book(self.database, job.job_id), lambda: self._alive(lease))
        downloads_s += outcome.downloads_s
        self._served(claimed, shown(outcome.decisions))
        decisions = [*outcome.decisions, *self._after_waiting(job, outcome, claimed)]
        decided = kept | {decision.media_id: decision for decision in decisions}
        return in_order(sorted_out.todo, decided)

    def _after_waiting(self, job: Job, outcome: Outcome, claimed: Claimed) -> tuple[PhotoDecision, ...]:
        """What was decided after all of the photos that wait, or a person gets. Raises Postponed where some wait on."""
        if not outcome.waiting:
            return ()
        section = self.settings.worker
        waited = claimed.outage_s() > section.outage_limit_s
        sorted_out = sort_out(
            outcome.waiting,
            self.judge.outlook.serves,
            last_try=claimed.attempt >= section.attempts,
            overdue=frozenset(Upstream) if waited else claimed.overdue(section.outage_limit_s),
        )
        self._served(claimed, shown(sorted_out.decided) | sorted_out.serving)
        if sorted_out.given_up_on is not None and sorted_out.given_up_on.code in claimed.outages:
            # It is still out: a breaker that nobody reports any more would forget since when.
            self.ends.report(claimed, sorted_out.given_up_on)
        decided = (*sorted_out.decided, *sorted_out.handed_over)
        if sorted_out.postponed is not None:
            self._keep(job, (*outcome.decisions, *decided))
            raise sorted_out.postponed
        return decided

    def _served(self, claimed: Claimed, upstreams: Collection[str], *, finished: bool = False) -> None:
        """Tells all machines what works again; almost always nobody has waited for that."""
        if claimed.outages:
            has_faces = self.judge.finder is not None
            self.ends.served(claimed, shown_to_work(claimed.outages, upstreams, finished=finished, has_faces=has_faces))

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


def _triaged(job: Job, rows: Mapping[UUID, MediaRow]) -> Triage:
    """Raises JobError for a job that is nobody's, RowsMissing for one whose rows may be on their way."""
    sorted_out = triage(job, rows)
    if sorted_out.foreign:
        raise JobError(f"no photo of job {job.job_id} belongs to its batch and user", code="batch_mismatch")
    if sorted_out.unknown:
        raise RowsMissing(f"no media row of job {job.job_id} exists (yet)")
    return sorted_out


def course_of(job: Job, claimed: Claimed, lease: Lease, times: Times) -> Course:
    """The queue sees the backend's jobs first when a worker claims them: they are as old as they say."""
    seen_ms, took_s = claimed.first_seen_ms, time.monotonic() - lease.taken_at
    if job.created_at is not None:
        seen_ms = min(seen_ms, max(0, round(job.created_at.timestamp() * 1000))) if seen_ms else 0
    return Course(seen_ms, claimed.claimed_ms, socket.gethostname(), took_s, times)


def _explained(failure: Failure, claimed: Claimed) -> Failure:
    """With the next command, for whoever finds the dead letter."""
    return failure if failure.hint else replace(failure, hint=f"lomi queue show {claimed.job_id}")
