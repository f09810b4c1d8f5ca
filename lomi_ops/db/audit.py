"""The audit: who did what, when and why. Rows are added and read, never changed; the database refuses it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import AuditEntry
from lomi_ops.domain.audit_chain import START, Head, Link, Said
from lomi_ops.domain.window import Window

CHUNK = 2_000
"""Entries that one statement reads: enough to be quick, and no more than a few megabytes."""
SOME_BESIDE = 100
"""Entries without a link that are named."""
BEFORE_ALL = -(2**63)
"""Before the first place, and before whatever somebody has put in front of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is kept, with its link."""

    id: int
    seq: int | None
    """Its place in the chain; None where it has no link."""
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    erased_at: datetime | None
    """When its words were taken away."""
    commitment: str | None
    """Hexadecimal, as the other hashes."""
    previous: str | None
    hash: str | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to list; what is empty does not matter."""

    actor: str | None = None
    action: str | None = None
    """A whole word such as `review.approve`, or the part before the dot."""
    subject: str | None = None
    """`media:<uuid>`, or only the uuid."""
    window: Window | None = None
    text: str | None = None
    """Somewhere in what the entry says, whatever the case."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of the chain, as the head has it and as the links have it."""

    seq: int
    """By the head."""
    hash: bytes
    last: int | None
    """The last link's place; None where there is none."""
    last_hash: bytes | None

    @property
    def sound(self) -> bool:
        return (self.last or 0, self.last_hash or START) == (self.seq, self.hash)


def record(db: Database, entry: AuditEntry) -> None:
    """Adds an entry in a transaction of its own."""
    with db.session() as session:
        record_on(session, entry)


def record_on(session: Session, entry: AuditEntry) -> None:
    """Adds an entry within the caller's transaction, so that the deed and its record stand or fall together.

    Last in it: the head of the chain is locked from here to the commit.
    """
    session.run(
        "audit_insert",
        at=entry.at,
        actor=readable(entry.actor),
        action=entry.action,
        subject=readable(entry.subject),
        reason=readable(entry.reason),
        before=jsonb(entry.before),
        after=jsonb(entry.after),
    )


def record_many_on(
    session: Session,
    actor: str,
    action: str,
    changes: Iterable[tuple[str, Mapping[str, Any], Mapping[str, Any]]],
    at: datetime,
) -> None:
    """The same for many changes of one kind: subject, before and after of each. At most some hundred in a transaction:
    each link changes the row of the head."""
    rows = [{"subject": subject, "before": before, "after": after} for subject, before, after in changes]
    session.run("audit_insert_many", at=at, actor=readable(actor), action=action, entries=jsonb(rows))


def entries(
    db: Database, *, subject: str | None = None, actor: str | None = None, limit: int = 50
) -> tuple[AuditEntry, ...]:
    """The latest first; of one subject or one actor where they are given."""
    return tuple(db.all(AuditEntry, "audit_entries", subject=subject, actor=actor, limit=limit))


def has_chain(db: Database | Session) -> bool:
    """False before the first `lomi migrate apply`, and in a schema that is older than the chain."""
    return bool(db.value("has_table", name="lomi.audit_chain"))


def listed(db: Database, wanted: EntryFilter, *, limit: int) -> tuple[Entry, ...]:
    """Entries that the filter admits, the latest first."""
    window = wanted.window
    rows = db.all(
        Entry,
        "audit_listed",
        actor=_plain(wanted.actor),
        action=_plain(wanted.action),
        subject=_plain(wanted.subject),
        start=window.start if window else None,
        end=window.end if window else None,
        text=_plain(wanted.text),
        limit=limit,
    )
    return tuple(rows)


def get(db: Database, seq: int) -> Entry | None:
    """One entry by its place in the chain."""
    return db.one(Entry, "audit_get", seq=seq)


def links(db: Database, *, after: int = BEFORE_ALL) -> Iterator[Link]:
    """The chain in its order from behind a place on, in chunks, until no more has come meanwhile."""
    last = after
    while rows := db.all(_link, "audit_links", after=last, limit=CHUNK):
        yield from rows
        last = rows[-1].seq


def beside(db: Database) -> tuple[str, ...]:
    """Ids of entries to which no link leads, the first of them."""
    return tuple(str(each) for each in db.all(_id, "audit_beside", limit=SOME_BESIDE))


def head(db: Database) -> Head | None:
    """What is kept as the last link; None where somebody has taken that away."""
    return db.one(Head, "audit_head")


def end(db: Database) -> End | None:
    """Cheap: two rows. None where there is no head."""
    return db.one(End, "audit_end")


def _plain(typed: str | None) -> str | None:
    return None if typed is None else readable(typed)


def _link(
    seq: int, at_us: int, action: str, commitment: bytes, previous: bytes, hash: bytes,  # noqa: A002 - the column's name
    said: bool, said_at_us: int, actor: str, said_action: str, subject: str, reason: str, before: str, after: str,
    salt: bytes | None, erased: bool,
) -> Link:  # fmt: skip
    entry = Said(said_at_us, actor, said_action, subject, reason, before, after, salt, erased) if said else None
    return Link(seq, at_us, action, commitment, previous, hash, entry)


def _id(id: int) -> int:  # noqa: A002 - the column's name
    return id
