"""Lists of a pile that a filter narrows: what was rejected, and what failed, may be millions, and is looked through
step by step as `lomi media list` does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lomi_ops.db import browsing
from lomi_ops.db.browsing import Place
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.ops.photos import looking
from lomi_ops.ops.photos.looking import PAGE, STEP_BY_STEP, USUAL, Elapsed, Gathered, Reach
from lomi_ops.ops.reviews import piles
from lomi_ops.ops.reviews.piles import Lying


@dataclass(frozen=True, slots=True)
class End:
    """Where a list stopped that found too little."""

    pile: Pile
    media_id: UUID
    """`lomi media list` goes on behind it."""
    back_to: datetime | None


@dataclass(frozen=True, slots=True)
class Reached:
    """The first photos of a pile that a filter admits."""

    photos: tuple[Lying, ...]
    more: bool
    """Whether there are more, or may be."""
    end: End | None
    """None where there are enough, or these are all."""


def listed(
    database: Database,
    pile: Pile,
    wanted: ReviewFilter,
    *,
    now: datetime,
    limit: int,
    reach: Reach | None = USUAL,
    elapsed: Elapsed = time.monotonic,
) -> Reached:
    """In the order in which they are worked through; where a part of the pile is too long, those behind it are left
    out. Without a reach it looks on until there are enough."""
    found: list[PhotoRow] = []
    full, end = False, None
    for part in pile.parts:
        got = _part(database, part, wanted, limit - len(found), now=now, reach=reach, elapsed=elapsed)
        found += got.photos
        full = got.full
        if got.upto is not None and not full:
            last = browsing.photo_at(database, got.upto)
            end = End(part, last, got.upto.uploaded_at) if last else None
        if full or end:
            break
    return Reached(piles.lying(database, found, now=now), full or end is not None, end)


def _part(
    database: Database,
    part: Pile,
    wanted: ReviewFilter,
    limit: int,
    *,
    now: datetime,
    reach: Reach | None,
    elapsed: Elapsed,
) -> Gathered:
    if part in (Pile.REJECTED, Pile.FAILED) and wanted.terms:
        bounds = replace(wanted.bounds(now), statuses=(part.value,))
        way = looking.way_of(database, bounds, browsing.ways(database))
        if way in STEP_BY_STEP:
            now_ms = int(now.timestamp() * 1000)
            return looking.gather(
                looking.stretches_by(database, bounds, way, None, min(limit + 1, PAGE)),
                lambda photo: wanted.matches(photo, now_ms) and photo.pile is part,
                limit, reach, elapsed=elapsed,
            )  # fmt: skip
    return _first(piles.photos(database, part, wanted, now=now, size=min(limit + 1, PAGE)), limit)


def _first(photos: Iterator[PhotoRow], limit: int) -> Gathered:
    found = tuple(itertools.islice(photos, limit + 1))
    if len(found) <= limit:
        return Gathered(found, None, full=False)
    last = found[limit - 1] if limit else found[0]
    return Gathered(found[:limit], Place(last.media_id, last.created_at), full=True)
