"""The database's part in reconciling. Every change is guarded by how the row stands, so a run that was overtaken, or
comes a second time, changes nothing.

All of a run happens on one session: where the connection is lost, the run ends with it, and so does its lock.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db import audit
from lomi_ops.db.documents import jsonb
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import photo_subject
from lomi_ops.domain.reconcile import APPLY_AFTER_S, NO_BATCH, Group, PendingPhoto, Repair
from lomi_ops.errors import LockHeld

PAGE = 5_000
"""Rows in memory at once."""

_Entry = tuple[str, Mapping[str, object], Mapping[str, object]]
"""Subject, before, after."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record knows of a pending photo."""

    media_id: UUID
    open: bool
    decided_s: float | None
    """Seconds since a decision that needs no person."""


@dataclass(frozen=True, slots=True)
class AppliedPhoto:
    """A photo whose row shows its decision now."""

    media_id: UUID
    status: str
    reason: str | None
    job_id: str


@contextmanager
def exclusive(db: Database) -> Iterator[Session]:
    """A session that holds the lock of reconciling. Raises LockHeld at once where another run has it."""
    with db.session() as session, session.locked("reconcile_try_lock", "reconcile_unlock") as ours:
        if not ours:
            raise LockHeld("another `lomi reconcile` is at work on this database", hint="wait, and repeat")
        yield session


def has_record(session: Session) -> bool:
    """False on a cluster that only the old workers know: then there is no ledger, no decision log and no audit."""
    return bool(session.value("has_table", name="lomi.schema_migrations"))


def pending(
    session: Session, *, older_s: float, batches: Collection[UUID] | None = None, page: int = PAGE
) -> Iterator[list[PendingPhoto]]:
    """All photos that are pending, or those of some batches, in pages; the oldest first."""
    place, last = -math.inf, UUID(int=0)
    wanted = None if batches is None else list(batches)
    while rows := session.all(
        PendingPhoto, "reconcile_pending",
        after_place=place, after_id=last, older_s=older_s, batches=wanted, limit=page,
    ):  # fmt: skip
        yield rows
        if len(rows) < page:
            return
        place, last = rows[-1].place, rows[-1].media_id


def recorded(session: Session, media_ids: Sequence[UUID]) -> dict[UUID, Recorded]:
    """What the record knows; photos that it does not know of, or whose decision is up to a person, are left out."""
    return {row.media_id: row for row in session.all(Recorded, "reconcile_recorded", ids=list(media_ids))}


def in_ledger(session: Session, job_ids: Collection[str]) -> frozenset[str]:
    """Those of the jobs that the ledger has, open or settled."""
    return frozenset(session.all(lambda job_id: str(job_id), "reconcile_settled", job_ids=list(job_ids)))


def adopt(
    session: Session, groups: Mapping[UUID, Group], *, actor: str, at: datetime, journal: bool
) -> frozenset[UUID]:
    """Gives photos of the old endpoint the batches that they are listed under; the photos whose rows took it. One
    transaction with its audit entries."""
    batch_of = {media_id: batch_id for batch_id, group in groups.items() for media_id in group.media_ids}
    with session.transaction():
        session.run("media_lock", ids=list(batch_of))
        photos = [{"media_id": media_id, "batch_id": batch_id} for media_id, batch_id in batch_of.items()]
        hit = frozenset(session.all(_media_id, "reconcile_adopt", photos=jsonb(photos)))
        if journal and hit:
            entries: list[_Entry] = [
                (photo_subject(media_id), {"batch_id": NO_BATCH}, {"batch_id": batch_of[media_id]}) for media_id in hit
            ]
            audit.record_many_on(session, actor, Repair.ADOPT.value, entries, at)
    return hit


def apply(session: Session, media_ids: Sequence[UUID], *, actor: str, at: datetime) -> tuple[AppliedPhoto, ...]:
    """Writes what the decision log says into photos that are still pending. One transaction with its audit entries;
    nothing is published."""
    with session.transaction():
        session.run("media_lock", ids=list(media_ids))
        hit = session.all(AppliedPhoto, "reconcile_apply", ids=list(media_ids), settle_s=APPLY_AFTER_S, at=at)
        if hit:
            entries: list[_Entry] = [
                (
                    photo_subject(photo.media_id),
                    {"status": "pending"},
                    {"status": photo.status, "reason": photo.reason, "job_id": photo.job_id},
                )
                for photo in hit
            ]
            audit.record_many_on(session, actor, Repair.APPLY.value, entries, at)
    return tuple(hit)


def journal_jobs(session: Session, jobs: Mapping[str, Group], *, actor: str, at: datetime) -> None:
    """Notes jobs that are about to be queued."""
    entries: list[_Entry] = [
        (f"job:{job_id}", {}, {"batch_id": group.batch_id, "media_ids": list(group.media_ids)})
        for job_id, group in jobs.items()
    ]
    audit.record_many_on(session, actor, Repair.QUEUE.value, entries, at)


def _media_id(media_id: UUID) -> UUID:
    return media_id
