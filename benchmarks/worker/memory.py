"""How much memory a worker and its judging process keep, over many photos of all kinds and sizes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression, mean

from benchmarks.queue.figures import Figure
from benchmarks.worker import processes
from benchmarks.worker.load import fed
from benchmarks.worker.stack import KEYS, Stack

LIMIT_MB = 512.0
GROWTH_MB = 16.0
"""Between the end of the first fifth and the end: more would be a leak, less may be an arena that found its size."""
WARM_UP = 500
EVERY_S = 2.0
STEPS = 5
"""Lines of the table after the warm-up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one worker."""

    photos: int
    """Judged so far."""
    megabytes: float
    """Of the worker and its judging process together."""


def followed(stack: Stack, keys: Sequence[str], photos: int, limit_s: float) -> list[Seen]:
    """The one worker of this stack until so many photos are judged, or so much time is over."""
    ends = time.monotonic() + limit_s
    found = [_seen(stack)]
    with fed(stack, keys, 9):
        while found[-1].photos < photos and time.monotonic() < ends:
            time.sleep(EVERY_S)
            found.append(_seen(stack))
            if len(found) % 30 == 0:
                print(f"  {found[-1].photos:,} photos, {found[-1].megabytes:.0f} MB", file=sys.stderr)
    return found


def figures(kind: str, found: Sequence[Seen]) -> list[Figure]:
    """The most, what was added after the first fifth, and how steep the line through all after the warm-up is."""
    most = max(seen.megabytes for seen in found)
    photos = found[-1].photos
    early = [seen.megabytes for seen in found if seen.photos <= photos / 5]
    late = [seen.megabytes for seen in found if seen.photos >= photos * 4 / 5]
    growth = mean(late) - mean(early[-3:])
    note = f"{photos:,} photos; resident, worker and judging process together"
    made = [
        Figure(f"memory of a worker, {kind}, most", most, "MB", f"≤ {LIMIT_MB:g} MB", most <= LIMIT_MB, note),
        Figure(f"memory of a worker, {kind}, growth", growth, "MB", f"≤ {GROWTH_MB:g} MB", growth <= GROWTH_MB,
               "mean of the last fifth beyond the end of the first"),
    ]  # fmt: skip
    if photos > WARM_UP:
        how = f"least squares after {WARM_UP} photos"
        made.append(Figure(f"memory of a worker, {kind}, slope", slope(found), "MB per 10,000", note=how))
    return made


def slope(found: Sequence[Seen]) -> float:
    """Megabytes for each 10,000 photos after the warm-up; 0 where there are too few looks for a line."""
    warm = [seen for seen in found if seen.photos >= WARM_UP]
    if len({seen.photos for seen in warm}) < 2:
        return 0.0
    line = linear_regression([seen.photos / 10_000 for seen in warm], [seen.megabytes for seen in warm])
    return line.slope


def course(kind: str, found: Sequence[Seen]) -> str:
    """At the start, after the warm-up, and at equal steps to the end: the look itself, and the most until then."""
    last = found[-1].photos
    marks = sorted({0, min(WARM_UP, last), *(round(last * step / STEPS) for step in range(1, STEPS + 1))})
    lines = [f"A worker's memory by photos ({kind}):", "", "| photos | MB | most so far |", "| ---: | ---: | ---: |"]
    for mark in marks:
        there = next(place for place, seen in enumerate(found) if seen.photos >= mark)
        most = max(seen.megabytes for seen in found[: there + 1])
        lines.append(f"| {found[there].photos:,} | {found[there].megabytes:.0f} | {most:.0f} |")
    return "\n".join(lines)


def _seen(stack: Stack) -> Seen:
    return Seen(_decided(stack), max(_megabytes(each.pid) for each in stack.workers))


def _megabytes(pid: int) -> float:
    """Pages that several processes share are counted for each its part."""
    return sum(processes.memory_mb(each)[1] for each in processes.tree([pid]))


def _decided(stack: Stack) -> int:
    counters: dict[bytes, bytes] = stack.redis.hgetall(KEYS.measured)  # type: ignore[assignment]
    return sum(int(number) for name, number in counters.items() if name.startswith(b"n:photo:"))
