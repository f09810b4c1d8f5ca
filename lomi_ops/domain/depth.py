"""How many wait, from how many came and went in each minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lomi_ops.domain.grid import Grid
from lomi_ops.domain.window import Window

Moves = Sequence[tuple[datetime, int, int]]
"""(minute, came, went), the oldest first. Those before a window say what waited at its start."""


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


def depth(moves: Moves, grid: Grid, limit: int) -> Depth:
    window = Window(grid.window.start.replace(second=0, microsecond=0), grid.window.end)
    inside = [move for move in moves if window.start <= move[0] < window.end]
    levels = list(_levels(moves, window))
    above = sum((end - start for start, end, size in levels if size > limit), timedelta())
    peaks = _peaks(levels, grid.starts)
    return Depth(
        came=sum(came for _, came, _ in inside),
        went=sum(went for _, _, went in inside),
        left=sum(came - went for at, came, went in moves if at < window.end),
        peak=int(max(peaks)),
        minutes_above=round(above / timedelta(minutes=1)),
        oldest_s=_oldest_s(moves, window),
        peaks=tuple(peaks),
        ins=grid.summed((at, came) for at, came, _ in inside),
        outs=grid.summed((at, went) for at, _, went in inside),
    )


def _peaks(levels: Iterable[tuple[datetime, datetime, int]], starts: Sequence[datetime]) -> list[float]:
    """The most that waited in each part. Levels come in their order and without gaps, so no part is looked for."""
    peaks: list[float] = [0] * len(starts)
    part, last = 0, len(starts) - 1
    for start, end, size in levels:
        while part < last and starts[part + 1] <= start:
            part += 1
        peaks[part] = max(peaks[part], size)
        while part < last and starts[part + 1] < end:
            part += 1
            peaks[part] = max(peaks[part], size)
    return peaks


def _levels(moves: Moves, window: Window) -> Iterator[tuple[datetime, datetime, int]]:
    """(from, until, how many wait) without gaps, as far as it lies in the window."""
    at, size = window.start, 0
    for moment, came, went in moves:
        if moment >= window.end:
            break
        if moment > at:
            yield at, moment, size
            at = moment
        size += came - went
    yield at, window.end, size


def _oldest_s(moves: Moves, window: Window) -> float:
    waiting: deque[tuple[datetime, int]] = deque()
    longest = timedelta()
    for at, came, went in moves:
        if at >= window.end:
            break
        if came:
            waiting.append((at, came))
        while went and waiting:
            first, many = waiting.popleft()
            if at >= window.start:
                longest = max(longest, at - first)
            if many > went:
                waiting.appendleft((first, many - went))
            went = max(0, went - many)
    still = waiting[0][0] if waiting else None
    return max(longest, window.end - still if still else timedelta()).total_seconds()
