"""What lies beyond its limit, and its way out, in small transactions. What a legal hold keeps is read anew in each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db import audit, privacy, remoderating
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.domain.audit_chain import ranges
from lomi_ops.domain.retention import Kept, Limit, Place
from lomi_ops.errors import Conflict, LockHeld

MANY = 100_000
"""Rows that are counted: a first run may find millions, and nobody waits for their number."""
_BLOCKS = {
    Place.JOBS: ("retention_jobs", "retention_jobs_trim"),
    Place.JOB_ENDS: ("retention_job_ends", "retention_job_ends_trim"),
    Place.MESSAGES: ("retention_messages", "retention_messages_trim"),
    Place.CHECKPOINTS: ("retention_checkpoints", "retention_checkpoints_trim"),
    Place.REVEALS: ("retention_reveals", "retention_reveals_trim"),
    Place.ALERTS: ("retention_alerts", "retention_alerts_trim"),
    Place.REMODERATED: ("retention_remoderated", "retention_remoderated_trim"),
    Place.AUDIT_TEXT: ("retention_audit_text", "retention_audit_text_due"),
}
"""How each is counted, and how it goes."""
_BY_USER = frozenset({Place.JOBS, Place.JOB_ENDS, Place.MESSAGES})
_BY_PHOTO = frozenset({Place.CHECKPOINTS, Place.REVEALS, Place.REMODERATED})


class HoldsChanged(Exception):
    """A legal hold came or went since the holds were read; nothing was removed."""


@dataclass(frozen=True, slots=True)
class Held:
    """What holds keep, whoever has it."""

    users: tuple[UUID, ...] = ()
    photos: tuple[UUID, ...] = ()
    entries: tuple[int, ...] = ()
    """Of the audit."""

    def of(self, place: Place) -> dict[str, list[Any]]:
        """As the blocks of a place take it."""
        if place in _BY_USER:
            return {"users": list(self.users)}
        if place in _BY_PHOTO:
            return {"photos": list(self.photos)}
        return {"entries": list(self.entries)} if place is Place.AUDIT_TEXT else {}


def held(session: Session) -> Held:
    """Everything that is of users on whom there is a hold; looks through the audit once for each."""
    users = tuple(session.all(_user, "retention_held_users"))
    photos: set[UUID] = set()
    entries: set[int] = set()
    for user_id in users:
        who = privacy.person(session, user_id)
        trail = privacy.trail(session, who, privacy.media_rows(session, who))
        photos |= trail.media_ids
        entries.update(privacy.entry_ids(session, trail))
    return Held(users, tuple(sorted(photos)), tuple(sorted(entries)))


def kept(db: Database, limit: Limit, now: datetime, found: Held) -> Kept:
    """How a place stands. Counts no further than MANY."""
    before = limit.before(now)
    row = db.one(_Counted, _BLOCKS[limit.place][0], before=before, limit=MANY, **found.of(limit.place))
    assert row is not None
    return Kept(limit, before, row.due, row.held, row.oldest, more=row.due + row.held >= MANY)


@contextmanager
def exclusive(db: Database) -> Iterator[Session]:
    """A session that holds the lock of trimming. Raises LockHeld at once where another run has it."""
    with db.session() as session, session.locked("retention_try_lock", "retention_unlock") as ours:
        if not ours:
            raise LockHeld("another `lomi retention trim` is at work on this database", hint="wait, and repeat")
        yield session


def trim(session: Session, place: Place, before: datetime, found: Held, rows: int) -> int:
    """Removes some rows beyond a limit in one transaction; how many. Raises HoldsChanged where `found` is of before."""
    with session.transaction():
        _still(session, found)
        return session.run(_BLOCKS[place][1], before=before, limit=rows, **found.of(place))


def trim_remoderated(session: Session, before: datetime, found: Held, rows: int) -> int:
    """The same for what came of photos that were judged again; each run counts what went of it."""
    with session.transaction():
        _still(session, found)
        block, kept = _BLOCKS[Place.REMODERATED][1], found.of(Place.REMODERATED)
        return remoderating.remove_on(session, block, before=before, limit=rows, **kept)


def trim_audit(session: Session, before: datetime, found: Held, rows: int, *, actor: str, at: datetime) -> int:
    """The same for the words of audit entries. The transaction ends with an entry that names their places: without it
    they would look as if somebody had taken them away."""
    with session.transaction():
        _still(session, found)
        due = session.all(_Due, "retention_audit_text_due", before=before, limit=rows, **found.of(Place.AUDIT_TEXT))
        if not due:
            return 0
        session.value("privacy_erasing")
        if session.run("privacy_erase_audit", ids=[each.id for each in due], at=at) != len(due):
            raise Conflict("entries of the audit are gone; nothing was trimmed", hint="lomi audit verify")
        after = {"seqs": ranges(each.seq for each in due), "before": before.isoformat()}
        audit.record_on(session, AuditEntry(actor, Action.TRIM, Place.AUDIT_TEXT, at, after=after))
    return len(due)


def _still(session: Session, found: Held) -> None:
    if tuple(session.all(_user, "retention_held_users")) != found.users:
        raise HoldsChanged


@dataclass(frozen=True, slots=True)
class _Counted:
    due: int
    held: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class _Due:
    id: int
    seq: int


def _user(user_id: UUID) -> UUID:
    return user_id
