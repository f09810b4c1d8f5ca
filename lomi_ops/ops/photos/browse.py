"""Photos that a filter admits, however they stand."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lomi_ops.db import browsing, media, samples
from lomi_ops.db.browsing import Place
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.errors import NotFound
from lomi_ops.ops.photos import looking
from lomi_ops.ops.photos.looking import LARGE, PAGE, STEP_BY_STEP, USUAL, Elapsed, Reach, Tell, Way, untold
from lomi_ops.ops.quality import covering
from lomi_ops.ops.quality.blind import veiled
from lomi_ops.ops.reviews import piles
from lomi_ops.ops.reviews.piles import Lying


@dataclass(frozen=True, slots=True)
class Listed:
    """Photos of a list, and how far it looked for them."""

    photos: tuple[Lying, ...]
    next: UUID | None
    """The photo behind which the list goes on; None where nothing lies behind."""
    full: bool
    """Whether there are more and it stopped because these are enough; else it looked far enough."""
    back_to: datetime | None
    """Up to this time of upload these are all; None where all were looked at, or what is left has no time."""
    way: Way
    large: bool
    """Whether the table has more rows than anybody should wait for."""


def listed(
    database: Database,
    wanted: ReviewFilter,
    *,
    now: datetime,
    limit: int,
    after: UUID | None = None,
    reach: Reach | None = USUAL,
    elapsed: Elapsed = time.monotonic,
    tell: Tell = untold,
) -> Listed:
    """The first ones behind the photo `after`, with who decided them and who looks at them. Without a reach it looks on
    until there are enough. Raises NotFound where there is no photo `after`."""
    place = _place(database, after) if after else None
    now_ms, bounds, ways = int(now.timestamp() * 1000), wanted.bounds(now), browsing.ways(database)
    way = looking.way_of(database, bounds, ways)
    found = looking.gather(
        looking.stretches_by(database, bounds, way, place, min(limit + 1, PAGE)),
        lambda photo: wanted.matches(photo, now_ms),
        limit,
        reach if way in STEP_BY_STEP else None,
        elapsed=elapsed,
        tell=tell,
    )
    return Listed(
        photos=piles.lying(database, list(found.photos), now=now),
        next=browsing.photo_at(database, found.upto) if found.upto else None,
        full=found.full,
        back_to=found.upto.uploaded_at if found.upto else None,
        way=way,
        large=ways.rows >= LARGE,
    )


def discreet(
    database: Database, found: tuple[Lying, ...], *, actor: str, at: datetime, share: float
) -> tuple[Lying, ...]:
    """The list as it may be read by somebody who has photos on the table, samples among them: of these only what can
    be said of a sample as well."""
    if not covering.mixes(database, share):
        return found
    dealt = frozenset(samples.held(database, actor=actor, at=at))
    return tuple(_covered(each, actor, dealt) for each in found)


def _covered(each: Lying, actor: str, dealt: frozenset[UUID]) -> Lying:
    mine = each.known is not None and each.known.claimed_by == actor
    if each.photo.media_id in dealt:
        return _without_decision(each, veiled(each.photo))
    return _without_decision(each, each.photo) if mine and each.photo.in_review else each


def _without_decision(each: Lying, photo: PhotoRow) -> Lying:
    known = replace(each.known, decision=None, actor=None, undoes=None) if each.known else None
    return Lying(covering.row(photo), known)


def _place(database: Database, media_id: UUID) -> Place:
    row = media.photos_of(database, [media_id]).get(media_id)
    if row is None:
        raise NotFound(f"there is no photo {media_id} that a list could go on behind", hint="lomi media list")
    return Place(media_id, row.created_at)
