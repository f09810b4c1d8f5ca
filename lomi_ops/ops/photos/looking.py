"""How far a list looks. Where few photos match, whoever wants fifty would wait until millions are looked at: so a list
goes back step by step, stops after so many photos or so much time, and says where that was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.db import browsing
from lomi_ops.db.browsing import Place, Stretch, Ways
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.pool import Database
from lomi_ops.domain.review_filter import Bounds
from lomi_ops.domain.verdict import MediaStatus

PAGE = 500
FEW_PENDING = 10_000
LARGE = 100_000
"""Rows of a table that nobody should wait for."""


class Way(StrEnum):
    """How photos are found."""

    KEYS = "keys"
    """By an index that leads to them, and to few others."""
    PILE = "pile"
    """By the index for piles, step by step back through what was rejected, or what failed."""
    TIME = "time"
    """By an index in time, step by step back."""
    TABLE = "table"
    """By reading all of it, for want of an index by time."""
    TABLE_FOR_USER = "table_for_user"
    """The same, for want of one by user."""


STEP_BY_STEP = (Way.PILE, Way.TIME)
_ON_ONE_PILE = ((MediaStatus.REJECTED.value,), (MediaStatus.FAILED.value,))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a list looks back where it finds little: then it stops, and says so."""

    photos: int
    """That it looks at, whether they match or not."""
    seconds: float


USUAL = Reach(photos=50_000, seconds=0.06)
"""Of ten million photos, to look at one took 1.2 µs: so 60 ms for all, 20 for the largest step. A slower machine, or
one whose table is not in memory, stops after fewer."""


Elapsed = Callable[[], float]
Tell = Callable[[int], None]
"""Hears how many photos were looked at."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Photos that match, and the place up to which these are all; None where all are looked at."""

    photos: tuple[PhotoRow, ...]
    upto: Place | None
    full: bool
    """Whether there are more and it stopped because these are enough."""


def untold(_: int) -> None:
    """To nobody."""


def gather(
    stretches: Iterable[Stretch],
    matches: Callable[[PhotoRow], bool],
    limit: int,
    reach: Reach | None,
    *,
    elapsed: Elapsed = time.monotonic,
    tell: Tell = untold,
) -> Gathered:
    """The first photos that match, within reach, at least of one stretch."""
    found: list[PhotoRow] = []
    upto, began = None, elapsed()
    for stretch in stretches:
        found += filter(matches, stretch.photos)
        upto = stretch.upto
        tell(stretch.looked_at)
        if len(found) > limit:
            last = found[limit - 1]
            return Gathered(tuple(found[:limit]), Place(last.media_id, last.created_at), full=True)
        if reach and (stretch.looked_at >= reach.photos or elapsed() - began >= reach.seconds):
            break
    return Gathered(tuple(found), upto, full=False)


def way_of(database: Database, bounds: Bounds, ways: Ways) -> Way:
    """The best way there is."""
    if bounds.photos or bounds.batches:
        return Way.KEYS
    if bounds.users:
        return Way.KEYS if ways.by_user else Way.TABLE_FOR_USER
    if bounds.statuses == (MediaStatus.PENDING,) and browsing.few_pending(database, FEW_PENDING):
        return Way.KEYS
    if bounds.statuses in _ON_ONE_PILE and ways.by_pile:
        return Way.PILE
    return Way.TIME if ways.by_time else Way.TABLE


def stretches_by(database: Database, bounds: Bounds, way: Way, after: Place | None, size: int) -> Iterable[Stretch]:
    """What may match, the latest upload first; in steps where the way allows it."""
    if way not in STEP_BY_STEP:
        return browsing.pages(database, bounds, after=after, size=size)
    status = bounds.statuses[0] if bounds.statuses and way is Way.PILE else None
    return browsing.stretches(database, bounds, after=after, size=size, status=status)
