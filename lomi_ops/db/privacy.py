"""What Postgres holds on one user: read as documents, and erased in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db import audit, remoderating
from lomi_ops.db.documents import readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry, job_subject, photo_subject, user_subject
from lomi_ops.domain.audit_chain import ranges
from lomi_ops.domain.privacy import Hold, Person, Trail, told
from lomi_ops.errors import Conflict, LomiError, NotFound, Refused, Transient

ENTRIES = 50_000
"""Of the audit, looked through in one statement: well within its time limit."""
USER = "user"
"""The subject of an erasure: it names nobody."""


@dataclass(frozen=True, slots=True)
class Held:
    """One row, and where it lies."""

    place: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Entry:
    id: int
    seq: int
    row: dict[str, Any]


def person_of(db: Database, telegram_id: int) -> Person | None:
    """Whose Telegram account it is."""
    user_id = db.value("privacy_user_of", telegram_id=telegram_id)
    if user_id is None and audit.has_chain(db):
        user_id = db.value("privacy_user_once", telegram_id=telegram_id)
    return None if user_id is None else Person(user_id, telegram_id)


def person(db: Database | Session, user_id: UUID) -> Person:
    """With the Telegram account where it is known."""
    telegram_id = db.value("privacy_telegram", user_id=user_id)
    if telegram_id is None and audit.has_chain(db):
        telegram_id = db.value("privacy_telegram_once", user_id=user_id)
    return Person(user_id, telegram_id)


def media_rows(db: Database | Session, who: Person) -> list[dict[str, Any]]:
    return db.all(_row, "privacy_media", user_id=who.user_id)


def trail(db: Database | Session, who: Person, media: Sequence[dict[str, Any]]) -> Trail:
    """By which ids the rest is found. `media` are the rows of that table."""
    media_ids = {UUID(row["id"]) for row in media}
    keys = {row[name] for row in media for name in ("url", "thumbnail_url") if row.get(name)}
    if not audit.has_chain(db):
        return Trail(who, frozenset(media_ids), keys=frozenset(keys))
    media_ids.update(db.all(_id, "privacy_media_ids", user_id=who.user_id))
    media_ids -= photos_of_others(db, who, media_ids)
    job_ids = db.all(_id, "privacy_job_ids", user_id=who.user_id)
    keys.update(db.all(_key, "privacy_keys", user_id=who.user_id))
    return Trail(who, frozenset(media_ids), frozenset(job_ids), frozenset(keys))


def photos_of_others(db: Database | Session, who: Person, media_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these are another user's: jobs name whatever somebody pushed."""
    if not media_ids:
        return frozenset()
    blocks = ["privacy_photos_of_others"] + ["privacy_photos_once_of_others"] * audit.has_chain(db)
    return frozenset(each for block in blocks for each in db.all(_id, block, user_id=who.user_id, ids=list(media_ids)))


def keys_of_others(db: Database, who: Person, keys: Collection[str]) -> frozenset[str]:
    """Which of these objects another user's photo is, too."""
    return frozenset(db.all(_key, "privacy_keys_of_others", user_id=who.user_id, keys=list(keys)) if keys else ())


def rows(db: Database, found: Trail) -> Iterator[Held]:
    """Of our own tables, table by table. The audit is not among them."""
    yield from db.all(Held, "privacy_rows", **_ids(found))
    if remoderating.known(db):
        yield from db.all(Held, "privacy_remoderated", **_photos(found))


def entries(db: Database, found: Trail) -> Iterator[dict[str, Any]]:
    """Of the audit, with their places in the chain."""
    with db.session() as session:
        for entry in _entries(session, found):
            yield entry.row


def entry_ids(session: Session, found: Trail) -> Iterator[int]:
    """Of the same, their numbers alone."""
    yield from (entry.id for entry in _entries(session, found))


def holds(db: Database, user_id: UUID | None = None, *, only_open: bool = True) -> tuple[Hold, ...]:
    return tuple(db.all(Hold, "privacy_holds", user_id=user_id, open=only_open))


def require_no_hold(db: Database | Session, user_id: UUID, *, went: Mapping[str, int] | None = None) -> None:
    """Raises Refused that names who holds and why, and `went`, which was erased before the hold came."""
    for each in db.all(Hold, "privacy_holds", user_id=user_id, open=True):
        text = f"{each.actor} holds what there is on user {user_id}, since {each.at:%Y-%m-%d}: {each.reason}"
        raise Refused(
            f"{text}; {told(went or {})}", hint=f"lomi privacy release {user_id} --reason TEXT, if it is over"
        )


def hold(db: Database, user_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Raises Refused where there is a hold already."""
    with db.transaction() as session:
        session.value("privacy_lock", user_id=user_id)
        if not session.run("privacy_hold", user_id=user_id, at=at, actor=readable(actor), reason=readable(reason)):
            was = session.all(Hold, "privacy_holds", user_id=user_id, open=True)[0]
            text = f"{was.actor} holds it already, since {was.at:%Y-%m-%d}: {was.reason}"
            raise Refused(text, hint="lomi privacy holds")
        audit.record_on(session, AuditEntry(actor, Action.HOLD, user_subject(user_id), at, reason))


def release(db: Database, user_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Raises NotFound where there is no hold."""
    with db.transaction() as session:
        session.value("privacy_lock", user_id=user_id)
        if not session.run("privacy_release", user_id=user_id, at=at, actor=readable(actor)):
            raise NotFound(f"there is no hold on user {user_id}", hint="lomi privacy holds")
        audit.record_on(session, AuditEntry(actor, Action.LIFT, user_subject(user_id), at, reason))


def erase(
    db: Database, found: Trail, *, actor: str, reason: str, at: datetime, other: dict[str, int]
) -> dict[str, int]:
    """Everything in one transaction; how many rows of each place, none where there were none.

    The entry that says so counts `other` things, too, and names no user. Raises Refused where there is a hold.
    """
    with db.transaction() as session:
        gone = _rows_gone(session, found, went=other)
        named = list(_entries(session, found))
        if named:
            if session.run("privacy_erase_audit", ids=[entry.id for entry in named], at=at) != len(named):
                raise Conflict("entries of the audit are gone; nothing was erased", hint="lomi audit verify")
            gone["lomi.audit"] = len(named)
        if gone or any(other.values()):
            after = {"seqs": ranges(entry.seq for entry in named), "gone": {**other, **gone}}
            audit.record_on(session, AuditEntry(actor, Action.ERASE, USER, at, reason, after=after))
    return gone


def rehearse(db: Database, found: Trail) -> None:
    """Deletes the rows and takes it back: what would keep them from going is better known before the objects go.

    Raises Refused where there is a hold, LomiError where this role may not, or where another table forbids it.
    """
    try:
        with db.transaction() as session:
            _rows_gone(session, found)
            session.run("privacy_erase_audit", ids=[], at=None)
            raise _TakenBack
    except _TakenBack:
        return
    except (Refused, Transient):
        raise
    except LomiError as failure:
        hint = "as the role that migrates; where a table of the backend forbids it: delete the account there first"
        raise LomiError(f"the rows cannot be deleted, so nothing was erased: {failure.message}", hint=hint) from failure


class _TakenBack(Exception):
    """Ends a transaction that was never meant to be kept."""


def _rows_gone(session: Session, found: Trail, *, went: Mapping[str, int] | None = None) -> dict[str, int]:
    who = found.person
    session.value("privacy_lock", user_id=who.user_id)
    require_no_hold(session, who.user_id, went=went)
    session.value("privacy_erasing")
    gone = {f"lomi.{place}": number for place, number in session.all(_counted, "privacy_erase", **_ids(found))}
    if session.value("has_table", name="lomi.remoderated"):
        gone |= _remoderated_gone(session, found)
    if media := session.run("privacy_erase_media", user_id=who.user_id):
        gone["media"] = media
    return gone


def _remoderated_gone(session: Session, found: Trail) -> dict[str, int]:
    photos = remoderating.remove_on(session, "privacy_erase_remoderated", media_ids=sorted(found.media_ids))
    runs = session.run("privacy_erase_remoderations", **_photos(found))
    gone = {"lomi.remoderated": photos, "lomi.remoderations": runs}
    return {place: number for place, number in gone.items() if number}


def note_stopped(db: Database, *, actor: str, reason: str, at: datetime, gone: Mapping[str, int]) -> None:
    """That an erasure was stopped in its middle, after this much."""
    audit.record(db, AuditEntry(actor, Action.ERASE, USER, at, reason, after={"gone": dict(gone), "stopped": True}))


def note_export(db: Database, who: Person, *, actor: str, at: datetime) -> None:
    audit.record(db, AuditEntry(actor, Action.EXPORT, user_subject(who.user_id), at))


def _entries(session: Session, found: Trail) -> Iterator[_Entry]:
    first, last = session.all(_bounds, "privacy_audit_bounds")[0]
    subjects = [
        user_subject(found.person.user_id),
        *map(photo_subject, found.media_ids),
        *map(job_subject, found.job_ids),
    ]
    for after in range(first - 1, last, ENTRIES):
        yield from session.all(
            _Entry,
            "privacy_audit",
            subjects=subjects,
            words=found.words,
            telegram=found.telegram,
            after=after,
            upto=after + ENTRIES,
        )


def _ids(found: Trail) -> dict[str, Any]:
    return {
        "user_id": found.person.user_id,
        "media_ids": sorted(found.media_ids),
        "job_ids": sorted(found.job_ids),
    }


def _photos(found: Trail) -> dict[str, Any]:
    return {"user_id": found.person.user_id, "media_ids": sorted(found.media_ids)}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _id(id: Any) -> Any:  # noqa: A002 - the column's name
    return id


def _key(key: str) -> str:
    return key


def _counted(place: str, rows: int) -> tuple[str, int]:
    return place, rows


def _bounds(first: int, last: int) -> tuple[int, int]:
    return first, last
