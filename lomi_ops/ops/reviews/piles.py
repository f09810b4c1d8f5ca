"""What lies before the people who review: photos of a pile that a filter admits. Works without the schema `lomi`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db import media, reviewing
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.db.reviewing import Known, PileCount
from lomi_ops.domain.pile import COUNTED, Pile
from lomi_ops.domain.review import WORKER, Seen
from lomi_ops.domain.review_filter import ReviewFilter

EVERYTHING = ReviewFilter()


@dataclass(frozen=True, slots=True)
class Lying:
    """A photo on a pile."""

    photo: PhotoRow
    known: Known | None = None
    """None where there is no schema `lomi`: who decided and who looks at it is not known then."""

    @property
    def seen(self) -> Seen:
        """As it stands now."""
        return Seen(
            self.photo.media_id, self.photo.status, self.photo.reason, self.known.decision if self.known else None
        )

    @property
    def looked_at(self) -> bool:
        """Whether a person's decision holds: then nobody needs to look at it again."""
        known = self.known
        return known is not None and known.actor is not None and known.actor != WORKER and known.undoes is None


def counts(
    database: Database, pile: Pile, wanted: ReviewFilter = EVERYTHING, *, now: datetime, most: int = COUNTED
) -> tuple[PileCount, ...]:
    """How many photos lie on each part of a pile, counted up to `most`; with a filter all of them are read, and
    counted."""
    parts = [part for part in Pile if part is not Pile.ALL] if pile is Pile.ALL else [pile]
    if not wanted.terms:
        return tuple(reviewing.counted(database, part, most) for part in parts)
    return tuple(_count(database, part, wanted, now) for part in parts)


def _count(database: Database, part: Pile, wanted: ReviewFilter, now: datetime) -> PileCount:
    number, oldest = 0, None
    for photo in every(database, part, wanted, now=now):
        number += 1
        if photo.created_at is not None:
            oldest = min(oldest or photo.created_at, photo.created_at)
    return PileCount(part, number, oldest)


def photos(
    database: Database, pile: Pile, wanted: ReviewFilter = EVERYTHING, *, now: datetime, size: int = reviewing.PAGE
) -> Iterator[PhotoRow]:
    """The photos that match, in the order in which they are worked through; `size` are read at once. For whoever stops
    after a few: see `every`."""
    now_ms = int(now.timestamp() * 1000)
    for page in reviewing.pages(database, pile, wanted.bounds(now), size=size):
        yield from (photo for photo in page if wanted.matches(photo, now_ms))


def every(database: Database, pile: Pile, wanted: ReviewFilter = EVERYTHING, *, now: datetime) -> Iterator[PhotoRow]:
    """All photos that match, in that order; the table is gone through once. Take them all before you ask for more."""
    now_ms = int(now.timestamp() * 1000)
    rows = reviewing.every(database, pile, wanted.bounds(now))
    return (photo for photo in rows if wanted.matches(photo, now_ms))


def listed(
    database: Database, pile: Pile, wanted: ReviewFilter = EVERYTHING, *, now: datetime, limit: int
) -> tuple[Lying, ...]:
    """The first ones, with what is known beside them."""
    size = min(max(limit, 1), reviewing.PAGE)
    found = list(itertools.islice(photos(database, pile, wanted, now=now, size=size), limit))
    return lying(database, found, now=now)


def lying(database: Database, found: list[PhotoRow], *, now: datetime) -> tuple[Lying, ...]:
    """Photos with what is known beside them."""
    known: Mapping[UUID, Known] = {}
    if found and media.has_lomi_schema(database):
        known = reviewing.known(database, [photo.media_id for photo in found], now)
    return tuple(Lying(photo, known.get(photo.media_id)) for photo in found)
