"""How many wait, from how many came and went in each minute.

A month has 43,200 minutes: they are whole numbers in columns, which are cut and added up, and not looked at one by one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from operator import sub

from lomi_ops.domain.grid import Grid
from lomi_ops.domain.window import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Moves:
    """The minutes in which somebody came or went, the oldest first. Those before a window say what waited at its
    start."""

    at: Sequence[int]
    """Minutes since 1970, UTC."""
    came: Sequence[int]
    went: Sequence[int]

    def until(self, place: int) -> Moves:
        return Moves(self.at[:place], self.came[:place], self.went[:place])


@dataclass(frozen=True, slots=True)
class Depth:
    came: int
    """In the window."""
    went: int
    left: int
    """At its end."""
    peak: int
    minutes_above: int
    """Minutes at whose end more than a limit waited."""
    oldest_s: float
    """The longest that one waited in the window, to the minute, if the first to come is the first to go."""
    peaks: tuple[float, ...]
    """In each part of the grid."""
    ins: tuple[float, ...]
    outs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Levels:
    """How many wait from a minute until the next one that is named, without gaps."""

    starts: Sequence[int]
    sizes: Sequence[int]


def together(parts: Iterable[Moves]) -> Moves:
    """Of a minute in several parts, the sum."""
    came: Counter[int] = Counter()
    went: Counter[int] = Counter()
    for part in parts:
        came.update(dict(zip(part.at, part.came, strict=True)))
        went.update(dict(zip(part.at, part.went, strict=True)))
    at = sorted(came)
    return Moves(at, [came[minute] for minute in at], [went[minute] for minute in at])


def depth(moves: Moves, grid: Grid, limit: int) -> Depth:
    """What comes after the window counts nowhere."""
    moves = moves.until(bisect_left(moves.at, _ceiling(grid.window.end)))
    levels = _levels(moves, _floor(grid.window.start))
    peaks = _peaks(levels, grid)
    ins, outs = (_summed(moves.at, each, grid) for each in (moves.came, moves.went))
    return Depth(
        came=sum(ins),
        went=sum(outs),
        left=levels.sizes[-1],
        peak=max(peaks),
        minutes_above=round(_above(levels, grid.window.end, limit) / _MINUTE),
        oldest_s=_oldest(moves, grid.window).total_seconds(),
        peaks=peaks,
        ins=ins,
        outs=outs,
    )


def _levels(moves: Moves, first: int) -> _Levels:
    """From the first minute on."""
    sizes = list(accumulate(map(sub, moves.came, moves.went), initial=0))
    before = bisect_right(moves.at, first)
    return _Levels([first, *moves.at[before:]], sizes[before:])


def _above(levels: _Levels, end: datetime, limit: int) -> timedelta:
    whole = sum(after - at for (at, after), size in zip(pairwise(levels.starts), levels.sizes, strict=False)
                if size > limit)  # fmt: skip
    rest = end - _moment(levels.starts[-1]) if levels.sizes[-1] > limit else timedelta()
    return whole * _MINUTE + rest


def _peaks(levels: _Levels, grid: Grid) -> tuple[int, ...]:
    """The most that waited in each part, also of what waited as it began."""
    found = []
    for start, end in pairwise((*grid.starts, grid.window.end)):
        first = bisect_right(levels.starts, _floor(start)) - 1
        found.append(max(0, *levels.sizes[first : bisect_left(levels.starts, _ceiling(end))]))
    return tuple(found)


def _summed(at: Sequence[int], amounts: Sequence[int], grid: Grid) -> tuple[int, ...]:
    """In each part; the minute in which the window begins is the first one's."""
    cuts = [_floor(grid.window.start), *map(_ceiling, grid.starts[1:])]
    places = [*(bisect_left(at, cut) for cut in cuts), len(at)]
    return tuple(sum(amounts[first:last]) for first, last in pairwise(places))


def _oldest(moves: Moves, window: Window) -> timedelta:
    """Who leaves first has waited for longest: the first that had not left before. Who leaves and never came counts for
    nothing."""
    came, first = list(accumulate(moves.came)), _floor(window.start)
    gone = place = longest = 0
    for now, here, went in zip(moves.at, came, moves.went, strict=True):
        if went and gone < here:
            while came[place] <= gone:
                place += 1
            if now >= first and now - moves.at[place] > longest:
                longest = now - moves.at[place]
            gone = min(gone + went, here)
    still = moves.at[bisect_right(came, gone)] if came and gone < came[-1] else None
    return max(longest * _MINUTE, window.end - _moment(still) if still is not None else timedelta())


def _moment(minute: int) -> datetime:
    return _EPOCH + minute * _MINUTE


def _floor(moment: datetime) -> int:
    return (moment - _EPOCH) // _MINUTE


def _ceiling(moment: datetime) -> int:
    return -((_EPOCH - moment) // _MINUTE)
