"""What `lomi e2e` writes as the backend would, and how it takes that back. On a cluster `users` and `media` are the
backend's: only rows with marked ids are made and removed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from lomi_ops.db.pool import Database
from lomi_ops.domain import marked
from lomi_ops.domain.job import Job
from lomi_ops.errors import LomiError

SETTLED_S = 60.0
"""A stray in the ledger is removed only when no worker can be at it any more."""
BENCH_KEYS = "lomi-bench/"
"""What the keys of photos begin with that have no object."""
_BOUNDS = {"first": marked.FIRST, "last": marked.LAST}


@contextmanager
def at_work(db: Database, user_id: UUID) -> Iterator[bool]:
    """Holds the lock of a run, on a connection of its own; gives False where another process has it, which is then
    still at work. The lock ends with its process, however that ends."""
    with db.session() as session, session.locked("marked_try_lock", "marked_unlock", id=user_id) as ours:
        yield ours


@contextmanager
def all_at_work(db: Database, user_ids: Sequence[UUID]) -> Iterator[bool]:
    """The same for the users of one run, all of them on one connection; False where one of them is somebody else's."""
    with (
        db.session() as session,
        session.locked("marked_try_locks", "marked_unlocks", ids=list(user_ids)) as ours,
    ):
        yield ours


def add_user(db: Database, user_id: UUID) -> None:
    """A user without a chat whom the app shows to nobody: `is_active` is false.

    Raises LomiError with a hint where the backend's table wants more columns than the contract has.
    """
    try:
        db.run("marked_user", id=user_id, telegram_id=marked.telegram_id(user_id), name=marked.USER_NAME)
    except LomiError as failure:
        if "SQLSTATE 23502" not in failure.message:
            raise
        text = f"the backend's table `users` wants more than lomi knows of: {failure.message}"
        raise LomiError(text, hint="lomi e2e N --via backend, with a test account") from failure


def add_photos(db: Database, job: Job, at: datetime, *, first: int) -> None:
    """A pending row for every photo of the job's batch, in one transaction; `first` is the first one's position."""
    with db.transaction() as session:
        for position, photo in enumerate(job.photos, start=first):
            session.run(
                "upload_photo",
                id=photo.media_id,
                user_id=job.user_id,
                batch_id=job.batch_id,
                key=photo.key,
                position=position,
                at=at,
            )


def users(db: Database) -> tuple[UUID, ...]:
    """Users of runs that are at work, were killed, or kept their rows; the oldest first."""
    return tuple(db.all(_id, "marked_users", **_BOUNDS))


def batches(db: Database, user_id: UUID) -> tuple[UUID, ...]:
    return tuple(db.all(_batch_id, "marked_batches", user_id=user_id, **_BOUNDS))


def forget_jobs(db: Database, job_ids: Sequence[str]) -> int:
    """Removes settled jobs from the ledger, if there is one; how many. Only once no worker has them: until then the
    ledger keeps a job from being done twice."""
    if not job_ids or not db.value("has_table", name="lomi.jobs"):
        return 0
    return db.run("marked_ledger_forget", job_ids=list(job_ids))


def bench_users(db: Database) -> tuple[UUID, ...]:
    """Users of runs of `lomi bench database` that are at work or were killed."""
    return tuple(db.all(_id, "marked_bench_users", **_BOUNDS, prefix=BENCH_KEYS))


def forget_decisions(db: Database, user_ids: Sequence[UUID]) -> int:
    """Removes from the decision log what it says of these users of ours; how many rows. It is append-only but for what
    must go; a role that may not delete there leaves them, marked as they are, and LomiError is raised."""
    if not db.value("has_table", name="lomi.decisions"):
        return 0
    with db.transaction() as session:
        session.value("privacy_erasing")
        return session.run("marked_decisions_forget", users=list(user_ids), **_BOUNDS)


def forget_strays(db: Database) -> int:
    """Removes what earlier runs left in the ledger and beside it; how many rows. Reads the tables whole."""
    removed = 0
    if db.value("has_table", name="lomi.jobs"):
        removed += db.run("marked_strays_forget", **_BOUNDS, older_s=SETTLED_S)
    if db.value("has_table", name="lomi.job_ends"):
        removed += db.run("marked_ends_forget", **_BOUNDS)
    if db.value("has_table", name="lomi.photo_hashes"):
        removed += db.run("marked_looks_forget", **_BOUNDS)
    return removed


def _id(id: UUID) -> UUID:  # noqa: A002 - the column's name
    return id


def _batch_id(batch_id: UUID) -> UUID:
    return batch_id
