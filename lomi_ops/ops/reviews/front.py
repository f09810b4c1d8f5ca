"""The front of a pile, looked up once for many claims.

Who works alone takes the photos in their order. Where many take from the same front, whoever finds the next ones taken
goes on at a random place of it: else everybody would come by what everybody else has taken. What is looked up grows old
as others take from it; the next look is made behind the work, so that nobody who asks for photos waits for it. What was
dealt here before and lies on the pile again comes last in each look: it was skipped, or given back.

With a filter a pile is walked through (`walk.py`): a claim looks as far as is quick, the next one goes on from there.
It is through when a walk that began with the claim, or in which nothing was got, has come to the end.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from lomi_ops.db import claims, reviewing
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.domain.so_far import SoFar
from lomi_ops.errors import LomiError
from lomi_ops.ops.photos.looking import Elapsed
from lomi_ops.ops.reviews.walk import Walk

FIRST, AHEAD = 500, 2000
"""Photos that are looked up at once: few, so that the first one is there soon, then more for many people."""
SLICE = 4
"""So many photos are tried for each one that is wanted."""
QUICK_S = 0.04
"""Of a claim that a filter lets find little: then it says how far it looked. One step may be on its way then."""
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
    walk: Walk | None = None
    """Where it goes on, with a filter."""


class Front:
    """What one desk knows of the front of a pile."""

    def __init__(self, database: Database, chance: Callable[[], float], elapsed: Elapsed = time.monotonic) -> None:
        self._database = database
        self._chance = chance
        self._elapsed = elapsed
        self._asked: tuple[Pile, ReviewFilter] | None = None
        self._seen: list[Seen] = []
        self._dealt: set[UUID] = set()
        self._got = 0
        self._looks = 0
        self._last: _Look | None = None
        self._behind: _Behind | None = None
        self._walk: Walk | None = None
        self._got_walking = 0
        self._again = False
        self._never: set[UUID] = set()
        self.so_far: SoFar | None = None
        """How far the last claim looked, where that was too little; None where the pile is through, or enough was
        got."""

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
            self._seen, self._dealt, self._walk, self._last = [], set(), None, None
            self._again = False
        self._turn_to_what_is_newer()
        self._got, self.so_far = 0, None
        return self._walked(pile, wanted, number, at) if wanted.terms else self._fronts(pile, wanted, number, at)

    def _fronts(self, pile: Pile, wanted: ReviewFilter, number: int, at: datetime) -> Iterator[Sequence[Seen]]:
        fresh = not self._seen  # what was looked up behind the work may be old
        if fresh:
            self._look(pile, wanted, at)
        while True:
            yield from self._tries(number)
            if fresh and (self._last is None or self._last.whole or self._looks > 1):
                return
            fresh = True
            self._look(pile, wanted, at)

    def _walked(self, pile: Pile, wanted: ReviewFilter, number: int, at: datetime) -> Iterator[Sequence[Seen]]:
        began, fresh, moved = self._elapsed(), False, False
        while True:
            yield from self._tries(number)
            walk = self._walk
            if walk is not None and walk.through and (fresh or not self._got_walking):
                self._walk, self._again = None, False
                return
            if walk is None or walk.through:
                fresh, self._again, self._got_walking = True, walk is not None, 0
                self._walk = walk = self._begun_walk(pile, wanted, at)
                self._tidy(at)
            elif moved and self._elapsed() - began >= QUICK_S:
                self.so_far = replace(walk.so_far, again=self._again)
                return
            self._seen, moved = list(walk.step(at)), True

    def _begun_walk(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> Walk:
        dealt, never = self._dealt.__contains__, self._never.__contains__
        return Walk(self._database, pile, wanted, at, before=dealt, never=never)

    def _tries(self, number: int) -> Iterator[Sequence[Seen]]:
        """All that has been looked up, some photos at a time."""
        size = SLICE * number
        while self._seen:
            tried = self._seen[:size]
            before = self._got
            yield tried
            if self._got == before:
                self._jump(len(tried))
                size *= 2  # a front that others have been through is soon gone through

    def taken(self, media_ids: Sequence[UUID]) -> None:
        """Forgets what was taken, and what stands before it: others look at that."""
        self._got_walking += len(media_ids) - self._got
        self._got = len(media_ids)
        ids = set(media_ids)
        self._dealt |= ids
        last = max((place for place, each in enumerate(self._seen) if each.media_id in ids), default=-1)
        del self._seen[: last + 1]

    def leave_out(self, media_id: UUID) -> None:
        """A walk passes by this photo from now on."""
        self._never.add(media_id)

    def _jump(self, tried: int) -> None:
        del self._seen[:tried]
        place = int(self._chance() * len(self._seen))
        self._seen = self._seen[place:] + self._seen[:place]

    def look_ahead(self, at: datetime) -> None:
        """Begins another look where the last one is nearly used up or old; whoever has just got photos may call it."""
        if self._asked is None or self._last is None or self._last.whole or self._behind or self._walk:
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
        self._walk = found.walk
        self._looks += 1

    def _found(self, pile: Pile, wanted: ReviewFilter, at: datetime, most: int) -> _Look:
        if wanted.terms:
            return self._first_of_a_walk(pile, wanted, at)
        seen = tuple(itertools.islice(self._unfiltered(pile, at, most), most))
        return _Look(at, seen, len(seen) < most)

    def _tidy(self, at: datetime) -> None:
        """What expired long ago is in nobody's way: nobody waits for this."""
        with suppress(LomiError):
            claims.sweep(self._database, at=at)

    def _unfiltered(self, pile: Pile, at: datetime, most: int) -> Iterator[Seen]:
        for part in pile.parts:
            yield from reviewing.ahead(self._database, part, at=at, limit=most)

    def _first_of_a_walk(self, pile: Pile, wanted: ReviewFilter, at: datetime) -> _Look:
        walk, began = self._begun_walk(pile, wanted, at), self._elapsed()
        seen: tuple[Seen, ...] = ()
        while not seen and not walk.through and self._elapsed() - began < QUICK_S:
            seen = walk.step(at)
        return _Look(at, seen, walk.through, walk)


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
