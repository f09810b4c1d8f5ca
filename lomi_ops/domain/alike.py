"""How many independent photos would tell as much as those of a window: the photos of one batch, and of one user within
the hour, are alike.

A share jumps from one part of the window to the next, and by more than chance would have independent photos jump. How
much more is told by each part beside the middle between its neighbours (second differences): what comes and goes in the
course of a day has no share in it. The sum of squares over its expectation is the dispersion of a quasi-binomial model;
it has about 18/35 degrees of freedom for each part, and Student's t makes up for so few.
"""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.domain.clustered import student
from lomi_ops.domain.quality import Z

BATCH = 9
"""Photos: at worst all of a batch are decided alike, and each batch is full."""
_FREEDOM = 18 / 35
_LEAST = 4.0
"""Degrees of freedom: with fewer the parts tell nothing."""


def photos_for_one(parts: Sequence[tuple[int, int]], otherwise: float = BATCH) -> float:
    """Photos that tell as much as a single independent one would, at least 1; `otherwise` where that does not show.

    `parts` are (photos, hits), those that follow each other in time side by side.
    """
    there = [part for part in parts if part[0]]
    photos, hits = sum(each for each, _ in there), sum(each for _, each in there)
    if len(there) < 3 or not 0 < hits < photos:
        return otherwise
    jumps = [_jump(*there[place : place + 3]) for place in range(len(there) - 2)]
    weights = sum(size for size, _ in jumps)
    freedom = _FREEDOM * weights**2 / sum(size * size for size, _ in jumps)
    if freedom < _LEAST:
        return otherwise
    share = hits / photos
    dispersion = sum(square for _, square in jumps) / weights / (share * (1 - share))
    return max(1.0, dispersion * (student(freedom) / Z) ** 2)


def _jump(before: tuple[int, int], middle: tuple[int, int], after: tuple[int, int]) -> tuple[float, float]:
    """As how many photos the three count for a jump, and the jump squared, weighted by the square of that."""
    size = 1 / (1 / before[0] + 4 / middle[0] + 1 / after[0])
    jump = before[1] / before[0] - 2 * middle[1] / middle[0] + after[1] / after[0]
    return size, (size * jump) ** 2
