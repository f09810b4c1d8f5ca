"""What is measured of a photo, on which scale, and where a policy draws its lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lomi_ops.domain.policy import Policy

_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    label: str
    title: str
    path: tuple[str, ...]
    """In `media.moderation_scores`."""
    unit: float
    """Of one counted step."""
    width: float
    """Of a band."""
    end: float
    """What is beyond counts there."""
    from_above: bool = True
    """Whether lines concern what reaches them; else what lies below."""

    def value(self, step: int) -> float:
        """Where a counted step begins."""
        return round(step * self.unit, 6)

    def start(self, value: float) -> float:
        """Where the band of a value begins."""
        return round(math.floor(value / self.width + _LEAST) * self.width, 6)


SCALES = (
    Scale("porn", "porn score", ("nsfw_scores", "porn"), 0.01, 0.05, 1.0),
    Scale("sexy", "sexy score", ("nsfw_scores", "sexy"), 0.01, 0.05, 1.0),
    Scale("hentai", "hentai score", ("nsfw_scores", "hentai"), 0.01, 0.05, 1.0),
    Scale("sharpness", "sharpness", ("blur_variance",), 1.0, 10.0, 1000.0, from_above=False),
    Scale("age", "estimated age", ("estimated_age",), 1.0, 1.0, 120.0, from_above=False),
)


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    scale: Scale
    value: float

    @property
    def concerned(self) -> tuple[float, float]:
        """From where to below where values lie that it concerns."""
        return (self.value, math.inf) if self.scale.from_above else (-math.inf, self.value)


def measured(scale: Scale, scores: Mapping[str, Any] | None) -> float | None:
    """None where it is no number: old rows hold anything."""
    found: Any = scores
    for name in scale.path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, int | float) or isinstance(found, bool) or not found >= 0:
        return None
    return float(min(found, scale.end))


def limits_of(policy: Policy) -> tuple[Limit, ...]:
    """The policy's lines, those of one label together."""
    scales = {scale.label: scale for scale in SCALES}
    found = []
    for label, zones in sorted(policy.nsfw.items()):
        for name, value in (("review", zones.review_at), ("reject", zones.reject_at)):
            if value is not None and label in scales:
                found.append(Limit(f"{label}.{name}", scales[label], value))
    found.append(Limit("sharpness.reject", scales["sharpness"], policy.blur.reject_below))
    found.append(Limit("sharpness.review", scales["sharpness"], policy.blur.review_below))
    found.append(Limit("age.limit", scales["age"], float(policy.age.limit)))
    return tuple(found)
