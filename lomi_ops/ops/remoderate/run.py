"""One run over the photos that a filter admits, in the order of their ids, a few at a time.

What came of a photo is noted in the transaction that changes it, and how far the run is after each page: whoever is
killed goes on there, and photos that are through are passed over. Live uploads come first: while they wait, nothing is
judged. Weather is waited out for a while; then the run stops where it is, and can be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from lomi_ops.clients.objects.keys import ObjectMissing
from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.db import browsing, media, remoderating, reviewing
from lomi_ops.db.fingerprints import Kept, Shelf
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.db.remoderating import Run
from lomi_ops.domain import review_filter
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.remoderate import Fate, Live, Rejudged, Yielding, eligible, fate_of, left_alone
from lomi_ops.domain.review import WORKER, Seen
from lomi_ops.errors import FacesUnavailable, PhotoError, Transient

T = TypeVar("T")
PAGE = 5000
"""Photos that are read at once. Where few match, each page may read the whole table."""
FETCHERS = 4
PATIENCE_S = 30.0
"""So long a service may be away before the run stops; it can be resumed."""
PAUSE_S = 1.0
LOOK_AGAIN_S = 5.0
"""Between two looks at the queue of live uploads while they wait."""


class Judging(Protocol):
    """What looks at photos; `worker.again.Again` is one."""

    @property
    def width(self) -> int:
        """Photos that are judged at once."""
        ...

    def judge(self, photos: Sequence[tuple[UUID, bytes]]) -> list[Rejudged]: ...

    def lives(self) -> bool:
        """Whether the face service answers at all."""
        ...


@dataclass(frozen=True, slots=True)
class Handles:
    """What a run works with."""

    database: Database
    store: ObjectStore
    bucket: str
    max_bytes: int
    judging: Judging
    policy: Policy
    live: Callable[[], Live]
    publish: Callable[[], object]
    """Sends what is due; raises nothing that the run should stop for."""
    tell: Callable[[str], None]
    progress: Callable[[int, str], None] = lambda done, what: None
    limits: Yielding = field(default_factory=Yielding)
    sleep: Callable[[float], None] = time.sleep
    elapsed: Callable[[], float] = time.monotonic


def carry_out(at: Handles, run: Run) -> None:
    """Judges what is left of a run. Raises Transient where a service stays away; then it can be resumed."""
    _Pass(at, run).go()


class _Pass:
    def __init__(self, at: Handles, run: Run) -> None:
        self._at, self._run = at, run
        self._wanted = review_filter.parse([run.filter])
        self._moment_ms = int(run.at.timestamp() * 1000)
        self._shelf = Shelf()
        self._begun: float | None = None
        self._judged = 0
        self._through = sum(each.photos for each in remoderating.tally(at.database, run)) + run.trimmed

    def go(self) -> None:
        database = self._at.database
        self._at.progress(self._through, "judging")
        for page in self._pages():
            for chunk in self._chunks([row for row in page if self._matches(row)]):
                self._patiently(partial(self._chunk, chunk))
            self._patiently(partial(remoderating.reached, database, self._run, page[-1].media_id))
        self._patiently(lambda: remoderating.end(database, self._run, at=database.now()))

    def _pages(self) -> Iterator[tuple[PhotoRow, ...]]:
        bounds, after = self._wanted.bounds(self._run.at), self._run.reached
        page: tuple[PhotoRow, ...] = ()
        while after is None or not page or len(page) == PAGE:
            page = self._patiently(
                partial(browsing.by_id, self._at.database, bounds, after=after, size=PAGE)
            )  # fmt: skip
            if not page:
                return
            yield page
            after = page[-1].media_id

    def _matches(self, row: PhotoRow) -> bool:
        return eligible(row, self._run.at) and self._wanted.matches(row, self._moment_ms)

    def _chunks(self, rows: Sequence[PhotoRow]) -> Iterator[list[UUID]]:
        size = 2 * self._at.judging.width
        ids = [row.media_id for row in rows]
        return (ids[first : first + size] for first in range(0, len(ids), size))

    def _chunk(self, media_ids: list[UUID]) -> None:
        """May be tried again from its beginning: what is through is passed over. The photos are read once more, for the
        page may be minutes old."""
        database = self._at.database
        done = remoderating.through(database, self._run, media_ids)
        left = [each for each in media_ids if each not in done]
        if not left:
            return
        self._stand_back()
        rows = media.photos_of(database, left)
        known = reviewing.known(database, left, database.now())
        judged: list[tuple[PhotoRow, Seen]] = []
        for media_id in left:
            row, last = rows.get(media_id), known.get(media_id)
            seen = Seen(
                media_id, row.status if row else None, row.reason if row else None, last.decision if last else None
            )
            if row is None or not self._matches(row):
                self._note(seen, Fate.MOVED if row else Fate.GONE)
                continue
            by_person = last is not None and last.actor not in (None, WORKER) and last.undoes is None
            alone = left_alone(row, by_person=by_person, overrides=self._run.overrides)
            if alone:
                self._note(seen, alone)
            else:
                judged.append((row, seen))
        self._judge(judged)

    def _judge(self, photos: Sequence[tuple[PhotoRow, Seen]]) -> None:
        self._pace(len(photos))
        with ThreadPoolExecutor(FETCHERS) as pool:
            fetched = list(pool.map(lambda each: self._fetch(each[0]), photos))
        whole = [
            (row.media_id, data) for (row, _), data in zip(photos, fetched, strict=True) if isinstance(data, bytes)
        ]
        answers = {each.media_id: each for each in self._at.judging.judge(whole)} if whole else {}
        away = any(each.outage for each in answers.values()) and not self._at.judging.lives()
        for (row, seen), data in zip(photos, fetched, strict=True):
            answer = answers.get(row.media_id)
            if answer is None:
                self._note(seen, data if isinstance(data, Fate) else Fate.UNKNOWN)
            elif not (away and answer.outage):
                self._settle(row, seen, answer)
        self._at.publish()
        if away:
            raise FacesUnavailable("the face service gives no answer")

    def _fetch(self, row: PhotoRow) -> bytes | Fate:
        try:
            return self._at.store.get(self._at.bucket, row.url, self._at.max_bytes)
        except ObjectMissing:
            return Fate.GONE
        except PhotoError:
            return Fate.UNREADABLE

    def _settle(self, row: PhotoRow, seen: Seen, answer: Rejudged) -> None:
        fate, database = fate_of(row.status, row.reason, answer), self._at.database
        at = database.now()
        if fate is Fate.CHANGED and answer.decision is not None and not self._run.shadow:
            remoderating.apply(
                database, self._run, seen, answer.decision, self._at.policy, at=at, shelf=self._shelf
            )  # fmt: skip
        else:
            remoderating.note(database, self._run, seen, fate, answer.decision, at=at)
            if answer.decision is not None and answer.decision.fingerprint is not None and not self._run.shadow:
                remoderating.remember(
                    database, [Kept(row.media_id, row.user_id, answer.decision.fingerprint)], at=at
                )  # fmt: skip
        self._count()

    def _note(self, seen: Seen, fate: Fate) -> None:
        database = self._at.database
        remoderating.note(database, self._run, seen, fate, None, at=database.now())
        self._count()

    def _count(self) -> None:
        self._through += 1
        self._at.progress(self._through, "judging")

    def _pace(self, number: int) -> None:
        """Sleeps until so many more photos keep to the rate, counted since the first one of this pass."""
        if self._begun is None:
            self._begun = self._at.elapsed()
        if self._run.per_minute:
            due = self._begun + 60.0 * self._judged / self._run.per_minute
            self._at.sleep(max(0.0, due - self._at.elapsed()))
        self._judged += number

    def _stand_back(self) -> None:
        """Waits while live uploads do. A wait is no reason to hurry afterwards: the rate begins anew."""
        told = False
        while self._at.limits.busy(live := self._at.live()):
            if not told:
                age = f", the oldest for {live.oldest_s:.0f} s" if live.oldest_s is not None else ""
                self._at.tell(f"live uploads come first: {live.waiting} jobs wait{age}; nothing is judged meanwhile")
            told = True
            self._at.progress(self._through, "waiting")
            self._at.sleep(LOOK_AGAIN_S)
        if told:
            self._begun, self._judged = None, 0
            self._at.tell("live uploads are through: going on")

    def _patiently(self, step: Callable[[], T]) -> T:
        waited = 0.0
        while True:
            try:
                return step()
            except Transient as outage:
                if waited >= PATIENCE_S:
                    outage.hint = f"lomi remoderate resume {self._run.id}"
                    raise
                if not waited:
                    self._at.tell(f"{outage.message}: trying again for {PATIENCE_S:.0f} s")
                self._at.sleep(PAUSE_S)
                waited += PAUSE_S
