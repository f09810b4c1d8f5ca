"""Settling a job: its decisions take effect once, in one transaction, or not at all.

The row of the job in `lomi.jobs` is the gate. Whoever enters it as settled writes `media`, the decision log and the
message; everybody after that (a redelivery, a zombie) gets the stored message and writes nothing. A crash between
the commit and the queue's FINISH therefore costs no second judging, and no second message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from lomi_ops.db import fingerprints
from lomi_ops.db.documents import cleaned, jsonb, log_columns, moment, readable
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.decision import PhotoDecision, ResultMessage, result_of
from lomi_ops.domain.job import Job
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus

ZERO_BATCH = UUID(int=0)
"""What the old endpoint wrote as `batch_id`; such rows were never queued."""


class Skip(StrEnum):
    """Why a photo of a job was left as it is."""

    NO_ROW = "no_row"
    OTHER_BATCH = "other_batch"
    DECIDED = "decided"
    """The row is not `pending` any more: a person, another job or an old worker was first."""
    IN_REVIEW = "in_review"
    """Another job has handed the photo to a person, whose decision it is now."""
    TWICE = "twice"
    """The job names the photo a second time."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a job's decisions."""

    message: ResultMessage | None
    """Of the photos that were applied and decided; None where there are none, and for a duplicate."""
    payload: str | None
    """The text to publish and to finish the queue entry with; for a duplicate the one stored by whoever was first."""
    applied: tuple[UUID, ...] = ()
    skipped: tuple[tuple[UUID, Skip], ...] = ()
    duplicate: bool = False
    """True where the job had been settled before; then nothing was written."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a job came to be settled, for its history."""

    first_seen_ms: int
    """Since 1970, by the queue's clock or that of whoever made the job, if that is earlier; 0 where nobody knows."""
    claimed_ms: int
    host: str
    took_s: float
    """From the claim on, by the worker's clock."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A job as the ledger has it."""

    job_id: str
    batch_id: UUID
    payload: str | None
    settled_at: datetime | None
    first_outage_at: datetime | None
    attempt: int | None
    worker: str | None

    @property
    def settled(self) -> bool:
        return self.settled_at is not None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A row of `media` under our lock."""

    media_id: UUID
    user_id: UUID
    batch_id: UUID | None
    status: str | None
    reason: str | None


def settle(
    db: Database,
    job: Job,
    decisions: Sequence[PhotoDecision],
    *,
    attempt: int,
    token: str,
    worker: str,
    at: datetime,
    policy: Policy | None = None,
    course: Course | None = None,
    shelf: fingerprints.Shelf | None = None,
) -> Settled:
    """Makes a job's decisions hold. One transaction; safe to repeat after any error, since a lost answer to the commit
    shows as a duplicate with the stored message.

    Only photos whose row is still `pending`, waits for no person and belongs to the batch are written and published;
    the others come back as skipped. `attempt` counts from 1; the policy of each verdict is kept beside it (`policy`
    where a decision carries none), and what the photos look like on the `shelf`.
    Raises DatabaseUnavailable, and LomiError with the hint `lomi migrate apply` on a database without the schema.
    """
    first = _first_of_each(cleaned(decision) for decision in decisions)
    with db.session() as session, session.together(), session.transaction():
        # All three are on their way before the first answer: whatever they did, a duplicate takes it back.
        entered = _enter(session, job, attempt=attempt, token=token, worker=worker, at=at, **_told(course))
        locked = session.later(_Seen, "media_lock", ids=list(first))
        written = _write(session, job, list(first.values()), retries=attempt - 1, at=at)
        if not entered():
            session.take_back()
            known = session.one(LedgerEntry, "ledger_entry", job_id=job.job_id)
            return Settled(None, known.payload if known else None, duplicate=True)
        seen, applied = {row.media_id: row for row in locked()}, frozenset(written())
        kept = [decision for decision in first.values() if decision.media_id in applied]
        message = result_of(job, kept, at)
        settled = Settled(
            message,
            message.to_json() if message else None,
            tuple(decision.media_id for decision in kept),
            _skipped(job, decisions, seen, applied),
        )
        logged = [_log_row(decision, seen[decision.media_id], policy) for decision in kept]
        _finish(session, job, settled, kept, logged, attempt=attempt, worker=worker, at=at)
        if shelf is not None:
            shelf.keep_on(session, _looks(job, kept), at=at)
        return settled


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker has to know of a job before it judges."""

    entry: LedgerEntry | None
    """As `entry` has it."""
    photos: Mapping[UUID, PhotoRow]
    """Of its photos that have a row."""


def opening(db: Database, job: Job) -> Opening:
    """In one round trip."""
    ids = [photo.media_id for photo in job.photos]
    with db.session() as session:
        with session.together():
            known = session.later(LedgerEntry, "ledger_entry", job_id=job.job_id)
            rows = session.later(PhotoRow, "photos_of", ids=ids)
        return Opening(next(iter(known()), None), {row.media_id: row for row in rows()})


def entry(db: Database, job_id: str) -> LedgerEntry | None:
    """The job's row, or None for a job that the ledger has not seen. Ask before judging a redelivered job: where it is
    `settled`, its `payload` (None where nothing was decided) finishes the queue entry."""
    return db.one(LedgerEntry, "ledger_entry", job_id=job_id)


def note_outage(db: Database, job: Job, *, at: datetime) -> datetime:
    """Opens the job in the ledger as waiting for an engine; returns since when it waits, which is `at` the first time.
    The reconciler leaves the photos of an open job alone."""
    first: datetime = db.value("ledger_outage", **_identity(job), at=at)
    return first


def outage_over(db: Database, job_id: str) -> None:
    """The engine answered again: the next outage counts anew."""
    db.run("ledger_outage_over", job_id=job_id)


def abandon(db: Database, job_id: str) -> bool:
    """Closes an open job that became a dead letter or was cancelled: the reconciler may queue its photos again. A
    settled job stays as it is. False where nothing was open."""
    return db.run("ledger_abandon", job_id=job_id) > 0


def _identity(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "batch_id": job.batch_id,
        "user_id": job.user_id,
        "telegram_id": job.telegram_id,
        "media_ids": [photo.media_id for photo in job.photos],
    }


def _told(course: Course | None) -> dict[str, Any]:
    if course is None:
        return {"first_seen_at": None, "claimed_at": None, "host": None, "took_ms": None}
    return {
        "first_seen_at": moment(course.first_seen_ms),
        "claimed_at": moment(course.claimed_ms),
        "host": readable(course.host),
        "took_ms": course.took_s * 1000,
    }


def _enter(session: Session, job: Job, **values: Any) -> Callable[[], list[str]]:
    return session.later(_job_id, "ledger_settle", **_identity(job), **values)


def _job_id(job_id: str) -> str:
    return job_id


def _first_of_each(decisions: Any) -> dict[UUID, PhotoDecision]:
    first: dict[UUID, PhotoDecision] = {}
    for decision in decisions:
        first.setdefault(decision.media_id, decision)
    return first


def _write(
    session: Session, job: Job, decisions: Sequence[PhotoDecision], *, retries: int, at: datetime
) -> Callable[[], list[UUID]]:
    photos = [
        {"media_id": photo.media_id, "status": photo.status, "reason": photo.reason, "scores": photo.scores}
        for photo in decisions
    ]
    return session.later(
        _media_id,
        "media_settle",
        photos=jsonb(photos),
        batch_id=job.batch_id,
        user_id=job.user_id,
        retries=retries,
        at=at,
    )


def _media_id(media_id: UUID) -> UUID:
    return media_id


def _looks(job: Job, kept: Sequence[PhotoDecision]) -> list[fingerprints.Kept]:
    return [
        fingerprints.Kept(decision.media_id, job.user_id, decision.fingerprint)
        for decision in kept
        if decision.fingerprint is not None
    ]


def _skipped(
    job: Job, decisions: Sequence[PhotoDecision], seen: Mapping[UUID, _Seen], applied: frozenset[UUID]
) -> tuple[tuple[UUID, Skip], ...]:
    met: set[UUID] = set()
    skipped = []
    for media_id in (decision.media_id for decision in decisions):
        if media_id in met:
            skipped.append((media_id, Skip.TWICE))
        elif media_id not in applied:
            skipped.append((media_id, why_skipped(job, seen.get(media_id))))
        met.add(media_id)
    return tuple(skipped)


def why_skipped(job: Job, row: _Seen | None) -> Skip:
    """Why the guarded update did not hit a row that looked like this under our lock."""
    if row is None:
        return Skip.NO_ROW
    unclaimed = row.batch_id in (None, ZERO_BATCH) and row.user_id == job.user_id
    if row.batch_id != job.batch_id and not unclaimed:
        return Skip.OTHER_BATCH
    if row.status == MediaStatus.PENDING and row.reason == NEEDS_REVIEW:
        return Skip.IN_REVIEW
    return Skip.DECIDED


def _log_row(decision: PhotoDecision, before: _Seen, policy: Policy | None) -> dict[str, Any]:
    return log_columns(decision, policy) | {"status_before": before.status, "reason_before": before.reason}


def _finish(
    session: Session, job: Job, settled: Settled, kept: Sequence[PhotoDecision], logged: list[dict[str, Any]],
    *, attempt: int, worker: str, at: datetime,
) -> None:  # fmt: skip
    counts = Counter(decision.status for decision in kept)
    session.send(
        "ledger_finish",
        job_id=job.job_id,
        batch_id=job.batch_id,
        user_id=job.user_id,
        attempt=attempt,
        worker=worker,
        at=at,
        decisions=jsonb(logged),
        payload=settled.payload,
        skipped=jsonb([{"media_id": media_id, "why": why} for media_id, why in settled.skipped]),
        approved=counts[MediaStatus.APPROVED],
        rejected=counts[MediaStatus.REJECTED],
        failed=counts[MediaStatus.FAILED],
        in_review=counts[MediaStatus.PENDING],
    )
