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

AHEAD = 5000
"""Photos that are looked up at once."""
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
            if fresh:
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
        self._asked = (pile, wanted)
        if wanted.terms:
            self._seen = list(itertools.islice(self._filtered(pile, wanted, at), AHEAD))
            return
        self._seen = []
        for part in pile.parts:
            if len(self._seen) < AHEAD:
                self._seen += reviewing.ahead(self._database, part, at=at, limit=AHEAD - len(self._seen))

    def _filtered(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> Iterator[Seen]:
        rows = piles.photos(self._database, pile, wanted, now=at, size=PAGE)
        while page := list(itertools.islice(rows, PAGE)):
            for each in piles.lying(self._database, page, now=at):
                if not each.looked_at and not (each.known and each.known.claimed_by):
                    yield each.seen
