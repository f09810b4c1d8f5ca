"""When a share rose: the hour that splits a series best into a lower and a higher part. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

FEW = 20
"""Photos from which a share means something."""
LEAST_GAIN = 6.0
"""In log likelihood. Twice that is a chi-squared of 12: chance does as much once in 2,000 looks at one split."""
LEAST_RISE = 0.05
LEAST_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Hour:
    """Photos of one hour, or of any other span."""

    start: datetime
    photos: int
    hits: int
    """Of these, those that count."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A share before and after a moment."""

    at: datetime
    """The first hour of the higher part."""
    before: float
    after: float


def jump(hours: Sequence[Hour]) -> Jump | None:
    """The clearest rise in a series that is in order of time; None where there is none worth telling."""
    photos, hits = sum(hour.photos for hour in hours), sum(hour.hits for hour in hours)
    whole = _likelihood(hits, photos)
    best, found = LEAST_GAIN, None
    seen = seen_hits = 0
    for hour in hours:
        left = photos - seen
        if seen >= FEW and left >= FEW:
            before, after = seen_hits / seen, (hits - seen_hits) / left
            gain = _likelihood(seen_hits, seen) + _likelihood(hits - seen_hits, left) - whole
            if gain >= best and rose(before, after):
                best, found = gain, Jump(hour.start, before, after)
        seen, seen_hits = seen + hour.photos, seen_hits + hour.hits
    return found


def rose(before: float, after: float) -> bool:
    """Whether the difference of two shares is large enough to bother somebody."""
    return after - before >= LEAST_RISE and after >= before * LEAST_FACTOR


def _likelihood(hits: int, photos: int) -> float:
    """Of the best fitting share, as a logarithm."""
    return sum(part * math.log(part / photos) for part in (hits, photos - hits) if part)
