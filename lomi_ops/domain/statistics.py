"""Statistics over values that are counted: (value, how often). Pure, and exact for the values as they are given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Counted = Sequence[tuple[float, int]]
"""Values in any order; one may come twice."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How values lie; None where there are none."""

    number: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class Fit:
    """The straight line through values one step apart (least squares)."""

    slope: float
    """A step."""
    intercept: float
    """At the first value."""

    def at(self, step: float) -> float:
        return self.intercept + self.slope * step


def percentile(counted: Counted, share: float) -> float | None:
    """Between the two nearest ranks, linearly: numpy's and scipy's default. `share` is 0..1."""
    ordered = sorted((value, times) for value, times in counted if times > 0)
    total = sum(times for _, times in ordered)
    if not total:
        return None
    place = share * (total - 1)
    low = math.floor(place)
    first, second = _ranked(ordered, low), _ranked(ordered, min(low + 1, total - 1))
    return first + (second - first) * (place - low)


def _ranked(ordered: Counted, rank: int) -> float:
    sums = itertools.accumulate(times for _, times in ordered)
    return next(value for (value, _), upto in zip(ordered, sums, strict=True) if rank < upto)


def mean(counted: Counted) -> float | None:
    total = sum(times for _, times in counted)
    return math.fsum(value * times for value, times in counted) / total if total else None


def spread(counted: Counted) -> Spread:
    return Spread(
        number=sum(times for _, times in counted),
        mean=mean(counted),
        p50=percentile(counted, 0.5),
        p95=percentile(counted, 0.95),
        p99=percentile(counted, 0.99),
        highest=max((value for value, times in counted if times > 0), default=None),
    )


def together(counted: Iterable[tuple[float, int]]) -> Counted:
    """The same, each value once, the lowest first."""
    found: dict[float, int] = {}
    for value, times in counted:
        found[value] = found.get(value, 0) + times
    return sorted(found.items())


def within(counted: Counted, limit: float) -> float | None:
    """The share of values that are at most `limit`."""
    return ratio(sum(times for value, times in counted if value <= limit), sum(times for _, times in counted))


def ratio(part: float, whole: float) -> float | None:
    """None where there is nothing to take a part of."""
    return part / whole if whole else None


def change(now: float | None, before: float | None) -> float | None:
    """0.25 for a quarter more than before; None where there was nothing before."""
    return (now - before) / before if now is not None and before else None


def fit(values: Sequence[float]) -> Fit | None:
    """None for fewer than two values: one point has no direction."""
    if len(values) < 2:
        return None
    middle = (len(values) - 1) / 2
    average = math.fsum(values) / len(values)
    over = math.fsum((step - middle) * (value - average) for step, value in enumerate(values))
    slope = over / math.fsum((step - middle) ** 2 for step in range(len(values)))
    return Fit(slope, average - slope * middle)


def grouped(sizes: Iterable[tuple[int, int]], edges: Sequence[int]) -> list[tuple[str, int]]:
    """How many have so much: (size, how many) put together from one edge to below the next, the last one open."""
    found = [0] * len(edges)
    for size, many in sizes:
        place = sum(size >= edge for edge in edges) - 1
        if place >= 0:
            found[place] += many
    names = [_span(low, high) for low, high in itertools.pairwise(edges)] + [f"{edges[-1]} or more"]
    return list(zip(names, found, strict=True))


def _span(low: int, high: int) -> str:
    return str(low) if high == low + 1 else f"{low} - {high - 1}"
