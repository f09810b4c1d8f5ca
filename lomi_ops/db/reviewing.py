"""What people look at: piles of photos, their owners, and what was decided.

What does not say otherwise works without the schema `lomi`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.db.documents import readable, taken_of
from lomi_ops.db.media import PhotoRow
from lomi_ops.domain.decision import Taken
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import Bounds

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database, Session

PAGE, LARGEST = 500, 20_000
"""Photos of the first page, and at most: where `media` has no index for piles, each page reads all of it."""
GROWS = 4
THROUGH, FURTHER = 4, 8
"""So many photos of a pile are looked through for each that is wanted, and then so many times more: people may have
decided those that stand first."""
MATES = 9
"""Photos that one upload brings at most."""


@dataclass(frozen=True, slots=True)
class PileCount:
    """How many photos lie on a pile."""

    pile: Pile
    photos: int
    oldest: datetime | None
    more: bool = False
    """Whether it was counted no further: then there are more than so many."""


@dataclass(frozen=True, slots=True)
class Known:
    """What else is known of a photo that lies on a pile."""

    media_id: UUID
    decision: int | None
    """The last row of its decision log."""
    actor: str | None
    undoes: int | None
    claimed_by: str | None
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose photos they are."""

    user_id: UUID
    telegram_id: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """One decision of a story."""

    id: int
    at: datetime
    media_id: UUID
    actor: str
    status_before: str | None
    reason_before: str | None
    status: str
    reason: str | None
    policy: str | None
    detail: str
    step: UUID | None
    undoes: int | None
    taken: Taken | None = None
    """Whose findings these are; None where engines were asked, or a person decided."""


@dataclass(frozen=True, slots=True)
class TakenStep:
    """Something that a person did and can take back."""

    step: UUID
    at: datetime
    photos: int


def pages(
    db: Database, pile: Pile, bounds: Bounds, *, size: int = PAGE, most: int = LARGEST
) -> Iterator[tuple[PhotoRow, ...]]:
    """The photos of a pile in the order in which they are worked through, page by page; each page is larger than the
    one before, for whoever goes on will want many, up to `most`."""
    for part in pile.parts:
        yield from _pages(db, part, bounds, size, most)


def _pages(db: Database, part: Pile, bounds: Bounds, size: int, most: int) -> Iterator[tuple[PhotoRow, ...]]:
    """Behind the first page those without a time of upload are asked for apart: else no index would find its place."""
    asked, number = _asked(part, bounds), size
    after: PhotoRow | None = None
    undated: bool | None = None
    while True:
        at, behind = (after.created_at, after.media_id) if after else (None, None)
        page = db.all(PhotoRow, "review_photos", **asked, after_at=at, after_id=behind, undated=undated, limit=number)
        if page:
            yield tuple(page)
        if page and len(page) == number:
            after, number = page[-1], min(GROWS * number, max(size, most))
            undated = after.created_at is None
        elif undated is False:
            after, undated = None, True
        else:
            return


def every(db: Database, pile: Pile, bounds: Bounds) -> Iterator[PhotoRow]:
    """All photos of a pile in that order, looked for once, however many they are. A session is kept until the last one:
    take them all before asking for anything else."""
    for part in pile.parts:
        with db.transaction() as session:
            asked = _asked(part, bounds) | dict.fromkeys(("after_at", "after_id", "undated", "limit"))
            yield from session.stream(PhotoRow, "review_photos", **asked)


def _asked(part: Pile, bounds: Bounds) -> dict[str, Any]:
    return {
        "pile": part.value,
        "reasons": None if bounds.reasons is None else [readable(each) for each in bounds.reasons],
        "users": _listed(bounds.users),
        "batches": _listed(bounds.batches),
        "ids": _listed(bounds.photos),
        "start": bounds.start,
        "end": bounds.end,
        "oldest": part.oldest_first,
    }


def counted(db: Database, part: Pile, most: int) -> PileCount:
    """One pile, its photos counted up to so many."""
    found = db.one(_Counted, "review_count", pile=part.value, limit=most)
    assert found is not None
    return PileCount(part, min(found.photos, most), found.oldest, more=found.photos > most)


def known(db: Database, media_ids: Sequence[UUID], at: datetime) -> Mapping[UUID, Known]:
    """Needs the schema `lomi`."""
    return {row.media_id: row for row in db.all(Known, "review_known", ids=list(media_ids), at=at)}


def ahead(db: Database, part: Pile, *, at: datetime, limit: int) -> tuple[Seen, ...]:
    """The front of one pile: what nobody looks at and no person has decided. Looks further where much of what stands
    first is taken. Needs the schema `lomi`."""
    # The pile of minors is told by its scores alone: looked through twice, it would be read twice.
    most = None if part is Pile.MINORS else THROUGH * limit
    while True:
        asked = {"pile": part.value, "oldest": part.oldest_first, "at": at, "most": most, "limit": limit}
        rows = db.all(_Ahead, "review_ahead", **asked)
        found = tuple(Seen(row.media_id, row.status, row.reason) for row in rows if row.media_id is not None)
        if len(found) == limit or most is None or rows[0].looked_through < most:
            return found
        most = most * FURTHER if most < LARGEST else None


def owner(db: Database, user_id: UUID) -> Owner | None:
    return db.one(Owner, "review_user", user_id=user_id)


def mates(db: Database, batch_id: UUID, user_id: UUID) -> tuple[PhotoRow, ...]:
    """The photos of one batch as they were shown to their owner. Old rows share the zero id: those are no batch."""
    if not batch_id.int:
        return ()
    return tuple(db.all(PhotoRow, "review_mates", batch_id=batch_id, user_id=user_id, limit=MATES))


def story(db: Database, media_id: UUID) -> tuple[Told, ...]:
    """Needs the schema `lomi`."""
    return tuple(db.all(_told, "review_story", media_id=media_id))


def user_story(db: Database, user_id: UUID, *, limit: int = 200) -> tuple[Told, ...]:
    """The latest first. Needs the schema `lomi`."""
    return tuple(db.all(_told, "review_user_story", user_id=user_id, limit=limit))


def photos_of_step(db: Database, step: UUID) -> tuple[UUID, ...]:
    """What of a step has not been taken back."""
    return tuple(row.media_id for row in db.all(_Of, "review_step", step=step))


def steps_of(db: Database, actor: str, *, limit: int = 10) -> tuple[TakenStep, ...]:
    """What a person did last and can take back, the latest first."""
    return tuple(db.all(TakenStep, "review_steps_of", actor=readable(actor), limit=limit))


def reveal_on(session: Session, actor: str, media_id: UUID, at: datetime) -> None:
    session.run("reveal_put", at=at, actor=readable(actor), media_id=media_id)


def _told(*, taken: Any, **columns: Any) -> Told:
    return Told(taken=taken_of(taken), **columns)


@dataclass(frozen=True, slots=True)
class _Counted:
    photos: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class _Of:
    media_id: UUID


@dataclass(frozen=True, slots=True)
class _Ahead:
    media_id: UUID | None
    status: str | None
    reason: str | None
    looked_through: int


def _listed(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)
