"""A share of photos where whole users were drawn: the photos of one user are alike, and tell less than so many others.

The variance is that of a ratio of sums over users (the cluster-robust, or sandwich, variance of a mean):
V = G/(G-1) · Σ (hits - share · photos)² / (Σ photos)², over G users. The interval is Wilson's, at the number of
independent photos that would have this variance, and a little wider for few users, as Student's t is.
"""

from __future__ import annotations

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
    """The two-sided 95 % quantile of Student's t, by its series around the normal one: within 1 % from four degrees
    of freedom on, and within 1e-4 from twenty on."""
    z: float = Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    found = z
    for power, term in enumerate(terms, start=1):
        found += term / freedom**power
    return found
