"""Submitting: recorded in Postgres first, then pushed. Dying at any point leaves something that the same command, or
`lomi jobs wait`, goes on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db import reconcile as book
from lomi_ops.db import submissions
from lomi_ops.db.pool import Session
from lomi_ops.db.submissions import OpenJob
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.submission import Place, Request, Submission, SubmittedJob, due_times, place_of
from lomi_ops.errors import Conflict, LockHeld
from lomi_ops.ops.jobs import plan as planning
from lomi_ops.ops.jobs.handles import Handles, require_record
from lomi_ops.ops.jobs.plan import Plan
from lomi_ops.queue.replies import JobState, Standing, Submitted
from lomi_ops.queue.wire import dump_job

LOCK_WAIT_S = 60.0
"""How long a submit waits for another one, or for reconciling."""
LOCK_NAP_S = 0.2
CHUNK = 100
"""Jobs between two looks whether the submission was cancelled."""
MOST = 1_000
"""Submissions that are gone on with at once."""

Pushing = Callable[[int, int], None]
"""So many jobs of so many are pushed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a request."""

    submission: Submission | None
    """None where nothing remained to submit, and in a dry run."""
    plan: Plan | None
    """None where the same request was recorded before."""

    @property
    def repeated(self) -> bool:
        return self.submission is not None and self.plan is None


@dataclass(slots=True)
class Pushed:
    """What one round of pushing did."""

    pushed: int = 0
    known: int = 0
    """Jobs that the queue had meanwhile."""
    cancelled: bool = False
    elsewhere: bool = False
    """Somebody else is pushing this submission right now; nothing was done here."""


def record(
    at: Handles, request: Request, submission_id: UUID, *, actor: str, now: datetime, dry_run: bool = False
) -> Recorded:
    """Plans the request and records it; pushes nothing. The same id again answers what it answered.

    Raises Conflict for an id that is known with another request, NotFound for a photo that is unknown, LockHeld where
    another submit or a reconcile takes longer than a minute, LomiError with the hint `lomi migrate apply` without our
    tables, and what the handles raise.
    """
    with _alone(at) as session:
        require_record(session)
        known = submissions.get(session, submission_id)
        if known is not None:
            if known.fingerprint != request.fingerprint:
                text = f"submission {submission_id} is known with other photos, rate or priority"
                raise Conflict(text, hint=f"lomi jobs status {submission_id}, or another --job-id")
            return Recorded(known, None)
        found = planning.plan(at, session, request)
        if dry_run or not found.groups:
            return Recorded(None, found)
        groups = planning.settle_batches(session, found.groups, actor=actor, at=now)
        jobs = planning.to_jobs(submission_id, groups)
        if not jobs:  # somebody decided them all in between
            return Recorded(None, found)
        submission = planning.recorded(request, submission_id, jobs, found.left, actor=actor, at=now)
        submissions.record(session, submission, jobs)
        return Recorded(submission, found)


@contextmanager
def _alone(at: Handles) -> Iterator[Session]:
    """One at a time, and not beside reconciling: both look for photos that nobody has."""
    deadline = at.clock() + LOCK_WAIT_S
    with ExitStack() as held:
        while True:
            try:
                session = held.enter_context(book.exclusive(at.database))
                break
            except LockHeld as busy:
                if at.clock() >= deadline:
                    text = "another `lomi jobs submit` or `lomi reconcile` is at work on this database"
                    raise LockHeld(text, hint="wait, and repeat") from busy
                at.wait(LOCK_NAP_S)
        yield session


def push(at: Handles, submission: Submission, tell: Pushing = lambda done, total: None) -> Pushed:
    """Pushes the jobs that neither Postgres nor the queue has an end or a place for; the others are left alone.

    Safe to repeat, and to run beside another push: the queue refuses a second copy. Raises RedisUnavailable and
    DatabaseUnavailable; what was pushed by then stays pushed.
    """
    outcome = Pushed()
    with at.database.session() as session, submissions.pushing(session, submission.id) as ours:
        if not ours:
            outcome.elsewhere = True
            return outcome
        waiting = submissions.unsettled(session, submission.id)
        standings = at.queue.standings([job.job_id for job in waiting if job.undecided])
        cancelled = submission.cancelled_at is not None
        missing = [job for job in waiting if where(job, standings, cancelled=cancelled) is Place.MISSING]
        start_ms = _next_due(at, submission, waiting, standings) if submission.per_minute else 0
        dues = dict(
            zip(
                (job.seq for job in missing),
                due_times([job.photos for job in missing], submission.per_minute, start_ms),
                strict=True,
            )
        )
        for start in range(0, len(missing), CHUNK):
            now = submissions.get(session, submission.id)
            if now is None or now.cancelled_at is not None:
                outcome.cancelled = True
                break
            seqs = [job.seq for job in missing[start : start + CHUNK]]
            elements = [
                (job.job_id, dump_job(_element(at, submission, job)), dues[job.seq])
                for job in submissions.jobs(session, submission.id, seqs)
            ]
            answers = at.queue.submit_many(elements, submission.priority)
            outcome.pushed += answers.count(Submitted.ACCEPTED)
            outcome.known += answers.count(Submitted.DUPLICATE)
            tell(min(start + CHUNK, len(missing)), len(missing))
    return outcome


def push_all(at: Handles) -> int:
    """Pushes what is missing of every submission, each as it was submitted; how many jobs. 0 without our tables."""
    with at.database.session() as session:
        known = submissions.unfinished(session, MOST) if submissions.has_tables(session) else ()
    return sum(push(at, each).pushed for each in known)


def where(job: OpenJob, standings: dict[str, Standing], *, cancelled: bool) -> Place:
    known = standings.get(job.job_id)
    return place_of(
        settled=False,
        undecided=job.undecided,
        queued=known.state.value if known else None,
        ended=job.ended,
        cancelled=cancelled,
    )


def _next_due(at: Handles, submission: Submission, waiting: list[OpenJob], standings: dict[str, Standing]) -> int:
    """After what is delayed already; so a run that goes on keeps to its rate."""
    assert submission.per_minute is not None
    latest = at.queue.now_ms()
    for job in waiting:
        known = standings.get(job.job_id)
        if known is not None and known.state is JobState.DELAYED and known.due_ms:
            latest = max(latest, known.due_ms + round(job.photos * 60_000 / submission.per_minute))
    return latest


def _element(at: Handles, submission: Submission, job: SubmittedJob) -> Job:
    """As the producer would write it."""
    refs = tuple(
        PhotoRef(media_id, key, at.bucket, at.link(key))
        for media_id, key in zip(job.media_ids, job.object_keys, strict=True)
    )
    return Job(job.job_id, job.batch_id, job.user_id, job.telegram_id, refs, submission.at)
