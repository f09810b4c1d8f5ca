"""Photos that a filter admits, however they stand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from lomi_ops.db import browsing, media, samples
from lomi_ops.db.browsing import Place
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.errors import NotFound
from lomi_ops.ops.quality import covering
from lomi_ops.ops.quality.blind import veiled
from lomi_ops.ops.reviews import piles
from lomi_ops.ops.reviews.piles import Lying

PAGE = 500


def photos(
    database: Database, wanted: ReviewFilter, *, now: datetime, after: Place | None = None, size: int = PAGE
) -> Iterator[PhotoRow]:
    """The latest upload first."""
    now_ms = int(now.timestamp() * 1000)
    for page in browsing.latest(database, wanted.bounds(now), after=after, size=size):
        yield from (photo for photo in page if wanted.matches(photo, now_ms))


def listed(
    database: Database, wanted: ReviewFilter, *, now: datetime, limit: int, after: UUID | None = None
) -> tuple[Lying, ...]:
    """The first ones behind the photo `after`, with who decided them and who looks at them. Raises NotFound where
    there is no photo `after`."""
    place = _place(database, after) if after else None
    size = min(max(limit, 1), PAGE)
    found = list(itertools.islice(photos(database, wanted, now=now, after=place, size=size), limit))
    return piles.lying(database, found, now=now)


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
