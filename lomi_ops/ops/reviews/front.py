"""The front of a pile, looked up once for many claims.

Who works alone takes the photos in their order. Where many take from the same front, whoever finds the next ones taken
goes on at a random place of it: else everybody would come by what everybody else has taken. What is looked up grows old
as others take from it; the next look is made behind the work, so that nobody who asks for photos waits for it. What was
dealt here before and lies on the pile again comes last in each look: it was skipped, or given back.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lomi_ops.db import claims, reviewing
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.errors import LomiError
from lomi_ops.ops.reviews import piles

FIRST, AHEAD = 500, 2000
"""Photos that are looked up at once: few, so that the first one is there soon, then more for many people."""
SLICE = 4
"""So many photos are tried for each one that is wanted."""
PAGE = 200
"""Photos that are read at once where a filter has to see them."""
LOW, OLD = 100, timedelta(seconds=20)
"""So few photos left, or a look so long ago, ask for another one behind the work."""

BEHIND = "front of the pile"
"""The name of the thread that looks ahead."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the front of a pile was at one moment."""

    at: datetime
    seen: tuple[Seen, ...]
    whole: bool
    """Whether it saw the end of the pile."""


class Front:
    """What one desk knows of the front of a pile."""

    def __init__(self, database: Database, chance: Callable[[], float]) -> None:
        self._database = database
        self._chance = chance
        self._asked: tuple[Pile, ReviewFilter] | None = None
        self._seen: list[Seen] = []
        self._dealt: set[UUID] = set()
        self._got = 0
        self._looks = 0
        self._last: _Look | None = None
        self._behind: _Behind | None = None

    def expect(self, pile: Pile, wanted: ReviewFilter, now: Callable[[], datetime]) -> None:
        """Begins a first look before anybody asks, behind whatever else there is to do until then. For a front that has
        not been asked yet; a look that fails is made again by whoever asks."""
        self._asked = (pile, wanted)
        self._behind = _Behind(now, lambda at: self._found(pile, wanted, at, FIRST))

    def begun(self) -> None:
        """Waits until the look that is expected knows what time it is by the server's clock, or failed to ask. Whoever
        asks the same clock then need not open a connection of his own."""
        if self._behind is not None:
            self._behind.begun()

    def looked(self) -> None:
        """Waits for the look that is expected, whatever comes of it."""
        if self._behind is not None:
            self._behind.awaited()

    def slices(self, pile: Pile, wanted: ReviewFilter, number: int, at: datetime) -> Iterator[Sequence[Seen]]:
        """Photos to try, until the pile is through. Tell `taken` after each what has been got so far."""
        if self._asked != (pile, wanted):
            self._asked, self._behind, self._looks = (pile, wanted), None, 0
            self._seen, self._dealt = [], set()
        self._turn_to_what_is_newer()
        fresh = not self._seen  # what was looked up behind the work may be old
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
            if fresh and (self._last is None or self._last.whole or self._looks > 1):
                return
            fresh = True
            self._look(pile, wanted, at)

    def taken(self, media_ids: Sequence[UUID]) -> None:
        """Forgets what was taken, and what stands before it: others look at that."""
        self._got = len(media_ids)
        ids = set(media_ids)
        self._dealt |= ids
        last = max((place for place, each in enumerate(self._seen) if each.media_id in ids), default=-1)
        del self._seen[: last + 1]

    def _jump(self, tried: int) -> None:
        del self._seen[:tried]
        place = int(self._chance() * len(self._seen))
        self._seen = self._seen[place:] + self._seen[:place]

    def look_ahead(self, at: datetime) -> None:
        """Begins another look where the last one is nearly used up or old; whoever has just got photos may call it."""
        if self._asked is None or self._last is None or self._last.whole or self._behind is not None:
            return
        if len(self._seen) < LOW or at - self._last.at > OLD:
            pile, wanted = self._asked
            self._behind = _Behind(lambda: at, lambda at: self._found(pile, wanted, at, AHEAD))
            self._tidy(at)

    def _turn_to_what_is_newer(self) -> None:
        if self._behind is None or (self._seen and not self._behind.done):
            return
        found, self._behind = self._behind.awaited(), None
        if found is not None:
            self._use(found)

    def _look(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> None:
        self._use(self._found(pile, wanted, at, AHEAD if self._looks else FIRST))
        self._tidy(at)

    def _use(self, found: _Look) -> None:
        self._last, self._seen = found, sorted(found.seen, key=lambda each: each.media_id in self._dealt)
        self._looks += 1

    def _found(self, pile: Pile, wanted: ReviewFilter, at: datetime, most: int) -> _Look:
        rows = self._filtered(pile, wanted, at) if wanted.terms else self._unfiltered(pile, at, most)
        seen = tuple(itertools.islice(rows, most))
        return _Look(at, seen, len(seen) < most)

    def _tidy(self, at: datetime) -> None:
        """What expired long ago is in nobody's way: nobody waits for this."""
        with suppress(LomiError):
            claims.sweep(self._database, at=at)

    def _unfiltered(self, pile: Pile, at: datetime, most: int) -> Iterator[Seen]:
        for part in pile.parts:
            yield from reviewing.ahead(self._database, part, at=at, limit=most)

    def _filtered(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> Iterator[Seen]:
        rows = piles.photos(self._database, pile, wanted, now=at, size=PAGE)
        while page := list(itertools.islice(rows, PAGE)):
            for each in piles.lying(self._database, page, now=at):
                if not each.looked_at and not (each.known and each.known.claimed_by):
                    yield each.seen


class _Behind:
    """A look in a thread of its own. One that fails is as if it had not been: whoever needs it looks for himself."""

    def __init__(self, now: Callable[[], datetime], look: Callable[[datetime], _Look]) -> None:
        self._found: _Look | None = None
        self._now, self._look = now, look
        self._begun, self._done = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name=BEHIND, daemon=True).start()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def begun(self) -> None:
        self._begun.wait()

    def awaited(self) -> _Look | None:
        self._done.wait()
        return self._found

    def _run(self) -> None:
        try:
            with suppress(LomiError):
                at = self._now()
                self._begun.set()
                self._found = self._look(at)
        finally:
            self._begun.set()
            self._done.set()
