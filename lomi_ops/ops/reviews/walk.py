"""A walk through a pile that a filter narrows, from its front to its end, in steps that each look at few photos.

Where hardly any photo matches, its end is far away: whoever walks stops wherever they like, says how far that was, and
goes on from there. What others hold, and what was dealt here before, is remembered and tried again at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lomi_ops.db import browsing, media, reviewing
from lomi_ops.db.browsing import Stretch
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import Bounds, ReviewFilter
from lomi_ops.domain.so_far import SoFar
from lomi_ops.ops.photos import looking
from lomi_ops.ops.photos.looking import STEP_BY_STEP, Way
from lomi_ops.ops.reviews import piles

PAGE, LARGEST = 200, 2000
"""Photos that are read at once, and at most."""
AGAIN = 200
"""Photos that are tried again at once."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What one page brought."""

    photos: Sequence[PhotoRow]
    part: Pile
    looked_at: int
    back_to: datetime | None


class Walk:
    """Used by one thread at a time."""

    def __init__(
        self, database: Database, pile: Pile, wanted: ReviewFilter, at: datetime, *,
        before: Callable[[UUID], bool], never: Callable[[UUID], bool],
    ) -> None:  # fmt: skip
        """`before` tells what was dealt here already, `never` what must not be dealt again."""
        self._database, self._wanted, self._before, self._never = database, wanted, before, never
        self._now_ms = int(at.timestamp() * 1000)
        self._steps = _steps(database, pile, wanted, at)
        self._again: list[UUID] = []
        self._walked = False
        self.began = at
        self.through = False
        self.so_far = SoFar(pile.parts[0], 0, None)

    def step(self, at: datetime) -> tuple[Seen, ...]:
        """Goes on by a page: what of it is free now; often nothing."""
        if not self._walked:
            step = next(self._steps, None)
            if step is not None:
                self.so_far = SoFar(step.part, step.looked_at, step.back_to or self.so_far.back_to)
                return self._free([each for each in step.photos if self._fits(each, step.part)], at)
            self._walked = True
        tried, self._again = self._again[:AGAIN], self._again[AGAIN:]
        self.through = not self._again
        return self._free_again(tried, at)

    def _fits(self, photo: PhotoRow, part: Pile) -> bool:
        here = photo.pile is part and not self._never(photo.media_id)
        return here and self._wanted.matches(photo, self._now_ms)

    def _free(self, found: list[PhotoRow], at: datetime) -> tuple[Seen, ...]:
        free = []
        for each in piles.lying(self._database, found, now=at):
            if each.looked_at:
                continue
            if self._before(each.photo.media_id) or (each.known and each.known.claimed_by):
                self._again.append(each.photo.media_id)
            else:
                free.append(each.seen)
        return tuple(free)

    def _free_again(self, tried: list[UUID], at: datetime) -> tuple[Seen, ...]:
        rows = media.photos_of(self._database, tried) if tried else {}
        found = [rows[each] for each in tried if each in rows]
        fit = [each for each in found if (part := each.pile) and self._fits(each, part)]
        lying = piles.lying(self._database, fit, now=at)
        return tuple(each.seen for each in lying if not each.looked_at and not (each.known and each.known.claimed_by))


def _steps(database: Database, pile: Pile, wanted: ReviewFilter, at: datetime) -> Iterator[_Step]:
    done = 0
    for part in pile.parts:
        here = done
        for step in _steps_of(database, part, wanted, at):
            done = here + step.looked_at
            yield replace(step, looked_at=done)


def _steps_of(database: Database, part: Pile, wanted: ReviewFilter, at: datetime) -> Iterator[_Step]:
    if part in (Pile.REJECTED, Pile.FAILED):
        bounds = replace(wanted.bounds(at), statuses=(part.value,))
        way = _way(database, bounds)
        if way in STEP_BY_STEP:
            for stretch in looking.stretches_by(database, bounds, way, None, PAGE):
                yield _of_stretch(stretch, part)
            return
    looked_at, most = 0, LARGEST if part.oldest_first else reviewing.LARGEST
    for page in reviewing.pages(database, part, wanted.bounds(at), size=PAGE, most=most):
        looked_at += len(page)
        yield _Step(page, part, looked_at, page[-1].created_at)


def _of_stretch(stretch: Stretch, part: Pile) -> _Step:
    back_to = stretch.upto.uploaded_at if stretch.upto else None
    return _Step(stretch.photos, part, stretch.looked_at, back_to)


def _way(database: Database, bounds: Bounds) -> Way:
    """For want of an index by user a pile is walked through, and not the table."""
    ways = browsing.ways(database)
    way = looking.way_of(database, bounds, ways)
    return Way.PILE if way is Way.TABLE_FOR_USER and ways.by_pile else way
