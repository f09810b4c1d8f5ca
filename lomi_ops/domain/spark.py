"""A line of numbers as a line of text. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = ".:-=+*%#"
"""The same where only ASCII may be shown."""
GAP = " "
"""What could not be known: never drawn as nothing."""


def spark(values: Sequence[float | None], width: int, *, top: float | None = None, plain: bool = False) -> str:
    """`values`, the oldest first, in `width` columns; fewer where there are fewer values, right-aligned by the caller.

    Where there are more values than columns, a column shows the highest of its own: a peak must not get lost. From 0 to
    `top`, by default the highest value.
    """
    return _drawn(tuple(values), width, top, PLAIN if plain else BLOCKS)


@lru_cache(maxsize=1024)
def _drawn(values: tuple[float | None, ...], width: int, top: float | None, marks: str) -> str:
    """A screen draws the same lines again for every key."""
    columns = squeezed(values, width)
    highest = max((each for each in columns if each is not None), default=0.0) if top is None else top
    return "".join([_mark(each, highest, marks) for each in columns])


def squeezed(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values, each the highest of its share; None where none of them was known."""
    if len(values) <= width:
        return list(values)
    if width <= 0:
        return []
    edges = [index * len(values) // width for index in range(width + 1)]
    return [_highest(values[start:end]) for start, end in itertools.pairwise(edges)]


def _highest(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return max(known) if known else None


def _mark(value: float | None, highest: float, marks: str) -> str:
    if value is None:
        return GAP
    if highest <= 0 or value <= 0:
        return marks[0]
    # What is not nothing stands above what is: else one job among ten thousand looks like none.
    step = 1 + int(min(value / highest, 1.0) * (len(marks) - 1) - 1e-9)
    return marks[min(step, len(marks) - 1)]
