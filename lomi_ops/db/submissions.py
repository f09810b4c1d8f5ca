"""What was submitted with `lomi jobs`: recorded before anything is pushed, so a run outlives its terminal and Redis."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db import audit
from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry, submission_subject
from lomi_ops.domain.job import Priority
from lomi_ops.domain.reconcile import PendingPhoto
from lomi_ops.domain.submission import PhotoCount, Submission, SubmittedJob

CHUNK = 1_000
"""Rows in one statement."""


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """A row of `media` that was asked for."""

    photo: PendingPhoto
    status: str
    """As in `media`; `pending` where it has none."""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A submitted job that the ledger has not settled."""

    seq: int
    job_id: str
    photos: int
    undecided: bool
    """Some photo of it waits for a worker still."""
    ended: str | None
    """The latest end that is known: dead, cancelled, lost, requeued, undone, purged."""


@dataclass(frozen=True, slots=True)
class JobCourse:
    """What Postgres knows of one job, submitted or not."""

    settled: bool
    media_ids: list[UUID] | None
    ended: str | None
    submission_id: UUID | None
    known: bool


@dataclass(frozen=True, slots=True)
class PhotoNow:
    """How a photo of a submitted job stands."""

    job_id: str
    media_id: UUID
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class SlowJob:
    job_id: str
    took_s: float
    host: str
    attempt: int


def has_tables(session: Session) -> bool:
    """False on a cluster without the schema, or with an older one."""
    return bool(session.value("has_table", name="lomi.submissions"))


def named(
    session: Session, ids: Sequence[UUID], keys: Sequence[str], prefix: str | None, *, limit: int
) -> list[NamedPhoto]:
    """The oldest upload first."""
    return session.all(
        _named, "submission_photos",
        ids=list(ids), keys=[readable(key) for key in keys], prefix=None if prefix is None else readable(prefix),
        limit=limit,
    )  # fmt: skip


def busy(session: Session, media_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Submissions by photo: those that have a job for it which is not over."""
    return dict(session.all(_pair, "submission_busy", ids=list(media_ids)))


def record(session: Session, submission: Submission, jobs: Sequence[SubmittedJob]) -> None:
    """One transaction, with its audit entry."""
    with session.transaction():
        session.run(
            "submission_insert",
            id=submission.id,
            at=submission.at,
            actor=readable(submission.actor),
            asked=jsonb(submission.asked),
            fingerprint=submission.fingerprint,
            priority=int(submission.priority),
            per_minute=submission.per_minute,
            photos=submission.photos,
            jobs=submission.jobs,
        )
        for at in range(0, len(jobs), CHUNK):
            rows = jsonb([_job_row(job) for job in jobs[at : at + CHUNK]])
            session.run("submission_insert_jobs", id=submission.id, jobs=rows)
        after = {"photos": submission.photos, "jobs": submission.jobs} | dict(submission.asked)
        subject = submission_subject(submission.id)
        audit.record_on(session, AuditEntry(submission.actor, Action.SUBMIT, subject, submission.at, after=after))


def get(session: Session | Database, submission_id: UUID) -> Submission | None:
    return session.one(_submission, "submission_get", id=submission_id)


def recent(db: Database, limit: int) -> tuple[Submission, ...]:
    """The latest first."""
    return tuple(db.all(_submission, "submissions_recent", limit=limit))


def unfinished(session: Session, limit: int) -> tuple[Submission, ...]:
    """Of which some job is not settled, the oldest first; dead letters count, cancelled submissions do not."""
    return tuple(session.all(_submission, "submissions_unfinished", limit=limit))


def jobs(session: Session, submission_id: UUID, seqs: Sequence[int]) -> list[SubmittedJob]:
    return session.all(_job, "submission_jobs", id=submission_id, seqs=list(seqs))


def unsettled(session: Session | Database, submission_id: UUID) -> list[OpenJob]:
    """In the order in which they are pushed."""
    return session.all(OpenJob, "submission_open", id=submission_id)


def course(session: Session | Database, job_id: str) -> JobCourse:
    return session.all(JobCourse, "job_course", job_id=readable(job_id))[0]


def photo_counts(db: Database, submission_id: UUID) -> tuple[PhotoCount, ...]:
    return tuple(db.all(PhotoCount, "submission_photo_counts", id=submission_id))


def photo_counts_of(db: Database, media_ids: Sequence[UUID]) -> tuple[PhotoCount, ...]:
    return tuple(db.all(PhotoCount, "photo_counts_of", ids=list(media_ids)))


def photos_of_jobs(db: Database, job_ids: Collection[str]) -> list[PhotoNow]:
    return db.all(PhotoNow, "job_decisions", job_ids=list(job_ids))


def slowest(db: Database, submission_id: UUID, limit: int) -> tuple[SlowJob, ...]:
    return tuple(db.all(SlowJob, "submission_slowest", id=submission_id, limit=limit))


def settled_within(db: Database, submission_id: UUID, within_s: float) -> int:
    """Jobs."""
    return int(db.value("submission_pace", id=submission_id, within_s=within_s))


def cancel(session: Session, submission_id: UUID, *, actor: str, at: datetime, jobs: int, reason: str = "") -> None:
    """Nobody pushes any more of it. One transaction, with its audit entry."""
    with session.transaction():
        session.run("submission_cancel", id=submission_id, at=at, actor=readable(actor))
        entry = AuditEntry(actor, Action.CANCEL, submission_subject(submission_id), at, reason, after={"jobs": jobs})
        audit.record_on(session, entry)


@contextmanager
def pushing(session: Session, submission_id: UUID) -> Iterator[bool]:
    """Whether we may push this submission: False where somebody else does it now."""
    with session.locked("submission_try_lock", "submission_unlock", id=submission_id) as ours:
        yield ours


def _named(status: str, **columns: Any) -> NamedPhoto:
    return NamedPhoto(PendingPhoto(**columns), status)


def _pair(media_id: UUID, submission_id: UUID) -> tuple[UUID, UUID]:
    return media_id, submission_id


def _submission(priority: int, **columns: Any) -> Submission:
    return Submission(priority=Priority(priority), **columns)


def _job(media_ids: list[UUID], object_keys: list[str], **columns: Any) -> SubmittedJob:
    return SubmittedJob(media_ids=tuple(media_ids), object_keys=tuple(object_keys), **columns)


def _job_row(job: SubmittedJob) -> dict[str, Any]:
    return {
        "seq": job.seq,
        "job_id": job.job_id,
        "batch_id": job.batch_id,
        "user_id": job.user_id,
        "telegram_id": job.telegram_id,
        "media_ids": job.media_ids,
        "object_keys": job.object_keys,
    }
