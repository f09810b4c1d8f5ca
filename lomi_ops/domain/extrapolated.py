"""How many there are of something that was counted in parts of a window, evenly spread, and how sure that is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lomi_ops.domain.clustered import student

_T = student(40)
"""Of about so many differences."""
_ALIKE = timedelta(hours=1)
"""Times of day so close have as much to do."""
_FEW = 12


@dataclass(frozen=True, slots=True)
class Extrapolated:
    number: float
    low: float
    high: float
    """An interval of 95 %."""


def extrapolated(counts: Sequence[tuple[datetime, int]], part: float) -> Extrapolated:
    """From what was counted in spans by their starts, at least two, which together are `part` of the window.

    The interval is Wilson's for a count whose variance is larger than its mean: photos come in batches, and an hour is
    not like another one. How much larger is told by spans at the same time of day, or nearly: the course of a day,
    which even spreading has taken into account, would else count as chance.
    """
    seen = sum(count for _, count in counts)
    wide = max(1.0, len(counts) * _variance(counts) / seen) if seen else 1.0
    wide *= 1 - part  # of what was counted nothing is uncertain
    centre = seen + _T * _T * wide / 2
    spread = _T * math.sqrt(wide * seen + (_T * wide / 2) ** 2)
    high = centre + spread
    low = seen * seen / high if seen else 0.0  # centre - spread, which would lose digits
    return Extrapolated(seen / part, max(seen, low / part), high / part)


def _variance(counts: Sequence[tuple[datetime, int]]) -> float:
    """From one span to another, by the differences of neighbours in the course of a day."""
    midnights = [at.replace(hour=0, minute=0, second=0, microsecond=0) for at, _ in counts]
    ordered = sorted((at - midnight, at, count) for (at, count), midnight in zip(counts, midnights, strict=True))
    pairs = list(itertools.pairwise(ordered))
    alike = [(one, other) for one, other in pairs if other[0] - one[0] <= _ALIKE]
    chosen = alike if len(alike) >= _FEW else pairs
    return sum((one[2] - other[2]) ** 2 for one, other in chosen) / (2 * len(chosen))
