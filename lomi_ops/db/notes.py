"""Notes about photos and users: added and read, never changed, never shown to the user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.db.documents import readable

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database, Session

PAGE = 500


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody said."""

    id: int
    at: datetime
    actor: str
    user_id: UUID
    media_id: UUID | None
    """None for a note about the user."""
    text: str


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Which notes; what is None does not matter."""

    user_id: UUID | None = None
    media_id: UUID | None = None
    actor: str | None = None
    search: str | None = None
    """A text that they contain, in any case."""


def put_on(session: Session, actor: str, user_id: UUID, media_id: UUID | None, text: str, at: datetime) -> int:
    """Adds a note within the caller's transaction; its id."""
    return int(
        session.value("note_put", at=at, actor=readable(actor), user_id=user_id, media_id=media_id, text=readable(text))
    )


def listed(db: Database, wanted: NoteFilter, *, limit: int = 50) -> tuple[Note, ...]:
    """The latest first."""
    return _page(db, wanted, None, limit)


def every(db: Database, wanted: NoteFilter) -> Iterator[Note]:
    """All of them, the latest first, read in pages."""
    before: int | None = None
    while page := _page(db, wanted, before, PAGE):
        yield from page
        before = page[-1].id


def _page(db: Database, wanted: NoteFilter, before: int | None, limit: int) -> tuple[Note, ...]:
    return tuple(
        db.all(
            Note,
            "notes_listed",
            user_id=wanted.user_id,
            media_id=wanted.media_id,
            actor=None if wanted.actor is None else readable(wanted.actor),
            search=None if wanted.search is None else _pattern(readable(wanted.search)),
            before=before,
            limit=limit,
        )
    )


def _pattern(text: str) -> str:
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return f"%{text}%"
