"""How much work comes, and how long a slot is busy with it, from what workers note every ten seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain.flow import WINDOW_S, Sample

LEAST_S = 60.0
"""A rate over less is mostly chance."""
LEAST_JOBS = 10
"""So many must have ended before their number says how long one takes."""
SURE = 3.0
"""Standard deviations by which the later half must differ from the earlier one before that is a trend: arrivals by
chance alone differ by one."""
STEEPEST = 2.0
"""A trend may at most double the rate that is expected."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Jobs per second, as far as the samples go back."""

    in_per_s: float
    out_per_s: float
    busy: float
    """Slots that held a job, on average."""
    job_s: float | None
    """How long a job keeps a slot; None where too few have ended."""
    trend: float = 0.0
    """Jobs per second by which `in_per_s` rises each second; 0 where it may be chance."""

    def expected_per_s(self, ahead_s: float) -> float:
        """What comes in by then. A rise goes on; on a fall nobody should count."""
        return min(self.in_per_s + max(0.0, self.trend) * ahead_s, STEEPEST * self.in_per_s)

    def load(self, ahead_s: float = 0.0) -> float:
        """Slots that would be busy by then if there were enough of them."""
        if self.job_s is None:
            return self.busy
        return self.expected_per_s(ahead_s) * self.job_s


def traffic(samples: Sequence[Sample], now_ms: int) -> Traffic | None:
    """The latest sample stands last. None where they tell too little, or do not tell what runs."""
    usable = _usable([each for each in samples if 0 <= now_ms - each.at_ms <= WINDOW_S * 1000])
    span_s = _seconds(usable[0], usable[-1]) if usable else 0.0
    if span_s < LEAST_S:
        return None
    ended = usable[-1].out - usable[0].out
    busy = sum(each.running or 0 for each in usable) / len(usable)
    rate, trend = _rate(usable)
    return Traffic(
        in_per_s=rate,
        out_per_s=ended / span_s,
        busy=busy,
        # A queue's oldest law: what is inside is what comes through times how long it stays.
        job_s=busy * span_s / ended if ended >= LEAST_JOBS else None,
        trend=trend,
    )


def _usable(samples: Sequence[Sample]) -> list[Sample]:
    """The latest ones, back to where a counter fell (Redis was wiped) or nobody noted what runs."""
    found: list[Sample] = []
    for each in reversed(samples):
        if each.running is None or (found and (each.out > found[-1].out or each.left > found[-1].left)):
            break
        found.append(each)
    return found[::-1]


def _rate(samples: Sequence[Sample]) -> tuple[float, float]:
    """Jobs per second at the latest sample, and by how much that rises each second."""
    first, last = samples[0], samples[-1]
    middle = min(samples, key=lambda each: abs(each.at_ms - (first.at_ms + last.at_ms) / 2))
    span_s, early_s, late_s = _seconds(first, last), _seconds(first, middle), _seconds(middle, last)
    mean = _came(first, last) / span_s
    if min(early_s, late_s) < LEAST_S:
        return mean, 0.0
    early, late = _came(first, middle), _came(middle, last)
    chance = math.sqrt(early / early_s**2 + late / late_s**2)
    rise = late / late_s - early / early_s
    if abs(rise) <= SURE * chance:
        return mean, 0.0
    trend = rise / (span_s / 2)
    # The rate of the later half is that of its middle.
    return max(0.0, late / late_s + trend * late_s / 2), trend


def _came(first: Sample, last: Sample) -> int:
    return max(0, last.inside - first.inside + last.left - first.left)


def _seconds(first: Sample, last: Sample) -> float:
    return (last.at_ms - first.at_ms) / 1000
