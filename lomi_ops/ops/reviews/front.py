"""The front of a pile, looked up once for many claims.

Who works alone takes the photos in their order. Where many take from the same front, whoever finds the next ones taken
goes on at a random place of it: else everybody would come by what everybody else has taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from lomi_ops.db import claims, reviewing
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.ops.reviews import piles

FIRST, AHEAD = 500, 5000
"""Photos that are looked up at once: few, so that the first one is there soon, then more for many people."""
SLICE = 4
"""So many photos are tried for each one that is wanted."""
PAGE = 200
"""Photos that are read at once where a filter has to see them."""


class Front:
    """What one desk knows of the front of a pile."""

    def __init__(self, database: Database, chance: Callable[[], float]) -> None:
        self._database = database
        self._chance = chance
        self._asked: tuple[Pile, ReviewFilter] | None = None
        self._seen: list[Seen] = []
        self._got = 0
        self._looks = 0
        self._whole = False
        """Whether the last look saw the end of the pile."""

    def slices(self, pile: Pile, wanted: ReviewFilter, number: int, at: datetime) -> Iterator[Sequence[Seen]]:
        """Photos to try, until the pile is through. Tell `taken` after each what has been got so far."""
        fresh = self._asked != (pile, wanted) or not self._seen
        if fresh:
            self._look(pile, wanted, at)
        self._got = 0
        while True:
            size = SLICE * number
            while self._seen:
                tried = self._seen[:size]
                before = self._got
                yield tried
                if self._got == before:
                    self._jump(len(tried))
                    size *= 2  # a front that others have been through is soon gone through
            if fresh and (self._whole or self._looks > 1):
                return
            fresh = True
            self._look(pile, wanted, at)

    def taken(self, media_ids: Sequence[UUID]) -> None:
        """Forgets what was taken, and what stands before it: others look at that."""
        self._got = len(media_ids)
        ids = set(media_ids)
        last = max((place for place, each in enumerate(self._seen) if each.media_id in ids), default=-1)
        del self._seen[: last + 1]

    def _jump(self, tried: int) -> None:
        del self._seen[:tried]
        place = int(self._chance() * len(self._seen))
        self._seen = self._seen[place:] + self._seen[:place]

    def _look(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> None:
        claims.sweep(self._database, at=at)
        self._looks = self._looks + 1 if self._asked == (pile, wanted) else 1
        self._asked = (pile, wanted)
        most = FIRST if self._looks == 1 else AHEAD
        if wanted.terms:
            self._seen = list(itertools.islice(self._filtered(pile, wanted, at), most))
        else:
            self._seen = self._unfiltered(pile, at, most)
        self._whole = len(self._seen) < most

    def _unfiltered(self, pile: Pile, at: datetime, most: int) -> list[Seen]:
        found: list[Seen] = []
        for part in pile.parts:
            if len(found) < most:
                found += reviewing.ahead(self._database, part, at=at, limit=most - len(found))
        return found

    def _filtered(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> Iterator[Seen]:
        rows = piles.photos(self._database, pile, wanted, now=at, size=PAGE)
        while page := list(itertools.islice(rows, PAGE)):
            for each in piles.lying(self._database, page, now=at):
                if not each.looked_at and not (each.known and each.known.claimed_by):
                    yield each.seen
