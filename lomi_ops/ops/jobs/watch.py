"""How far a submission, or a single job, is: what Postgres knows against what the queue knows. Reads only, but for
`wait`, which pushes again what both have lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from lomi_ops.db import submissions
from lomi_ops.domain.submission import Place, Progress, Submission, job_id_of, place_of, time_to_go
from lomi_ops.errors import NotFound, Transient
from lomi_ops.ops.jobs.handles import Handles, require_record
from lomi_ops.ops.jobs.submit import Pushed, push, where
from lomi_ops.ops.reconcile.whereabouts import media_ids
from lomi_ops.queue.replies import JobState

NAP_S = 1.0
LONGEST_NAP_S = 10.0
PATIENCE = 20
"""A nap is so many times as long as the look before it took: a large run is looked at less often."""
PACE_S = 300.0
"""The rate is taken over so many seconds."""


@dataclass(frozen=True, slots=True)
class Target:
    """What somebody asks about."""

    submission: Submission | None
    job_id: str | None
    """A single job, submitted or not."""

    @property
    def name(self) -> str:
        return str(self.submission.id) if self.submission else str(self.job_id)


@dataclass(frozen=True, slots=True)
class Waited:
    """How a wait ended."""

    progress: Progress
    timed_out: bool
    pushed: int = 0
    """Jobs that had been lost, or never pushed, and were pushed now."""


def find(at: Handles, name: str) -> Target:
    """A submission by its UUID, else a job. Raises NotFound for what neither Postgres nor the queue knows."""
    with at.database.session() as session:
        require_record(session)
        submission = submissions.get(session, UUID(name)) if _is_uuid(name) else None
        if submission is not None:
            return Target(submission, None)
        if submissions.course(session, name).known:
            return Target(None, name)
    if at.queue.standings([name]) or at.queue.waits_unseen(name):
        return Target(None, name)
    raise NotFound(f"no submission and no job is known by {name}", hint="lomi jobs status, for the latest submissions")


def look(at: Handles, target: Target, *, photos: bool = True) -> Progress:
    """Without `photos` of a submission only its jobs are counted: a large one has many. Raises RedisUnavailable and
    DatabaseUnavailable."""
    if target.submission is not None:
        return _look_at_submission(at, target.submission.id, photos=photos)
    assert target.job_id is not None
    return _look_at_job(at, target.job_id)


def _look_at_submission(at: Handles, submission_id: UUID, *, photos: bool) -> Progress:
    submission = submissions.get(at.database, submission_id)
    assert submission is not None
    waiting = submissions.unsettled(at.database, submission_id)
    standings = at.queue.standings([job.job_id for job in waiting if job.undecided])
    places = {job.job_id: where(job, standings, cancelled=submission.cancelled_at is not None) for job in waiting}
    counts = Counter(places.values())
    counts[Place.DONE] += submission.jobs - len(waiting)
    dues = [known.due_ms for known in standings.values() if known.state is JobState.DELAYED and known.due_ms]
    return Progress(
        jobs=submission.jobs,
        places=counts,
        photos=submissions.photo_counts(at.database, submission_id) if photos else (),
        dead=tuple(job_id for job_id, place in places.items() if place is Place.DEAD),
        last_due_s=max(0.0, (max(dues) - at.queue.now_ms()) / 1000) if dues else None,
        open_jobs=frozenset(job_id for job_id, place in places.items() if not place.over),
    )


def _look_at_job(at: Handles, job_id: str) -> Progress:
    course = submissions.course(at.database, job_id)
    record = at.queue.job(job_id)
    photos = course.media_ids
    if photos is None and record is not None and record.raw is not None:
        photos = list(media_ids(record.raw))
    counts = submissions.photo_counts_of(at.database, photos) if photos else ()
    undecided = not photos or any(each.status == "pending" for each in counts)
    place = place_of(
        settled=course.settled, undecided=undecided, queued=record.state.value if record else None, ended=course.ended
    )
    unseen = place is Place.MISSING and at.queue.waits_unseen(job_id)
    if unseen:
        place = Place.READY
    due_s = None
    if place is Place.DELAYED and record is not None and record.due_ms:
        due_s = max(0.0, (record.due_ms - at.queue.now_ms()) / 1000)
    return Progress(
        jobs=1,
        places={place: 1},
        photos=counts,
        dead=(job_id,) if place is Place.DEAD else (),
        last_due_s=due_s,
        unseen=unseen,
        open_jobs=() if place.over else (job_id,),
    )


def to_go(at: Handles, target: Target, progress: Progress) -> tuple[float | None, float | None]:
    """Seconds to go, and jobs a minute of late; None where nothing is known."""
    if target.submission is None or progress.over:
        return None, None
    age_s = max(1.0, at.queue.now_ms() / 1000 - target.submission.at.timestamp())
    within_s = min(PACE_S, age_s)
    settled = submissions.settled_within(at.database, target.submission.id, within_s)
    return time_to_go(progress, settled, within_s), settled * 60 / within_s if settled else None


def wait(
    at: Handles,
    target: Target,
    *,
    timeout_s: float | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
    trouble: Callable[[Transient], None] = lambda outage: None,
    pushed: Callable[[Pushed], None] = lambda pushed: None,
    decided: Callable[[frozenset[str]], None] = lambda job_ids: None,
) -> Waited:
    """Until everything is over, or for `timeout_s`. Pushes what is missing, at first and whenever something gets lost.

    An outage of Redis or Postgres is told once and waited for. `decided` gets the jobs that were over since the last
    look. Raises Transient where nothing could be seen before the time was over.
    """
    deadline = None if timeout_s is None else at.clock() + timeout_s
    progress: Progress | None = None
    outage: Transient | None = None
    again = 0
    known_open = _all_of(target)
    while True:
        began = at.clock()
        try:
            if progress is None or progress.at(Place.MISSING):
                again += _push_again(at, target, pushed)
            progress = look(at, target, photos=False)
            if progress.over:
                progress = look(at, target)
            outage = None
            now_open = frozenset(progress.open_jobs)
            if known_open - now_open:
                decided(known_open - now_open)
            known_open = now_open
            tell(progress)
        except Transient as failure:
            if outage is None:
                trouble(failure)
            outage = failure
        if progress is not None and outage is None and progress.over:
            return Waited(progress, False, again)
        nap = min(LONGEST_NAP_S, max(NAP_S, PATIENCE * (at.clock() - began)))
        if deadline is not None and at.clock() + nap > deadline:
            nap = deadline - at.clock()
            if nap <= 0:
                if progress is None:
                    assert outage is not None
                    raise outage
                last = look(at, target)
                return Waited(last, not last.over, again)
        at.wait(nap)


def _all_of(target: Target) -> frozenset[str]:
    if target.submission is None:
        return frozenset({target.name})
    return frozenset(job_id_of(target.submission.id, seq) for seq in range(target.submission.jobs))


def _push_again(at: Handles, target: Target, tell: Callable[[Pushed], None]) -> int:
    if target.submission is None:
        return 0
    outcome = push(at, target.submission)
    if outcome.pushed:
        tell(outcome)
    return outcome.pushed


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
