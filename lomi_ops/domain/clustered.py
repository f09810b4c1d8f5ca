"""A share of photos where whole users were drawn: the photos of one user are alike, and tell less than so many others.

The variance is that of a ratio of sums over users (the cluster-robust, or sandwich, variance of a mean):
V = G/(G-1) · Σ (hits - share · photos)² / (Σ photos)², over G users. The interval is Wilson's, at the number of
independent photos that would have this variance, and a little wider for few users, as Student's t is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lomi_ops.domain.quality import Z, wilson


@dataclass(frozen=True, slots=True)
class Clustered:
    """Sums over users, each with some photos of which some are hits."""

    users: int
    photos: int
    hits: int
    photos_squared: int
    """Of each user's photos the square, added up."""
    hits_squared: int
    hits_by_photos: int
    """Of each user the product of both."""

    @property
    def share(self) -> float:
        return self.hits / self.photos

    @property
    def variance(self) -> float | None:
        """Of the share; None for one user, who cannot be compared with another."""
        if self.users < 2:
            return None
        # Whole numbers to the end: the difference of such sums has no digits to lose.
        spread = (self.hits_squared * self.photos - 2 * self.hits * self.hits_by_photos) * self.photos
        spread += self.hits * self.hits * self.photos_squared
        return self.users / (self.users - 1) * (spread / self.photos**4)

    @property
    def independent(self) -> float:
        """Photos of as many users that would tell as much; never more than there are."""
        variance = self.variance
        if variance is None:
            return 1.0
        if not 0 < self.hits < self.photos or not variance:
            # All alike: how alike the photos of one user are cannot be seen, so that each user counts once.
            return float(self.users)
        return min(float(self.photos), self.share * (1 - self.share) / variance)

    def interval(self) -> tuple[float, float]:
        """Of 95 %."""
        wider = 1.0 if self.users < 2 else student(self.users - 1) / Z
        return wilson(self.share, self.independent / wider**2)


def student(freedom: float) -> float:
    """The two-sided 95 % quantile of Student's t, for one degree of freedom or more, which need not be whole."""
    if freedom >= _MANY:
        return _near_normal(freedom)
    found: float = Z
    # The share within rises ever more slowly, so that each step ends short of the quantile: nothing is overshot.
    for _ in range(_STEPS):
        within, density = _within(found, freedom)
        step = (_SURE - within) / (2 * density)
        found += step
        if step <= _EXACT * found:
            break
    return found


_SURE = 0.95
_MANY = 200.0
"""Degrees of freedom from which on the series around the normal quantile is off by less than 1e-10."""
_STEPS = 60
_EXACT = 1e-13


def _within(t: float, freedom: float) -> tuple[float, float]:
    """The share between -t and t, and the density at t. The share is a series of positive terms (the hypergeometric
    function after Pfaff's transformation), which has no digits to lose."""
    half = (freedom + 1) / 2
    scale = math.exp(math.lgamma(half) - math.lgamma(freedom / 2)) / math.sqrt(math.pi * freedom)
    density = scale * (1 + t * t / freedom) ** -half
    part = t * t / (freedom + t * t)
    term, total, step = 1.0, 0.0, 0
    while term > total * _EXACT * (1 - part):
        total += term
        term *= part * (half + step) / (1.5 + step)
        step += 1
    return 2 * t * density * total, density


def _near_normal(freedom: float) -> float:
    z: float = Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
