"""How good decisions are, from samples that people judged again.

A share is estimated with each judgement weighted by one over the probability with which its photo was drawn
(Horvitz-Thompson, over the sum of the weights), so that draws of different size can be put together. Its interval is
Wilson's for photos that were drawn with one probability. Of several, the distances to the ends of each one's interval
are squared and added, as Newcombe does with two, and so is what chance has in how many photos each stands for.
(Wilson's at Kish's number of equal weights, which is usual, takes it that weights have nothing to do with answers:
where doubtful photos were drawn otherwise than clear ones it held the truth in 66 to 99.9 % of simulated cases.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lomi_ops.domain.sampling import Kind, Sample
from lomi_ops.domain.verdict import MediaStatus

Z = 1.959963984540054
"""Standard normal, two-sided 95 %."""
TOO_WIDE = 0.2
"""An interval that is wider says too little to act on."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its interval of 95 %."""

    judged: int
    hits: int
    """Judgements that count, unweighted."""
    share: float | None = None
    """None where nothing was judged."""
    low: float = 0.0
    high: float = 1.0

    @property
    def tells(self) -> bool:
        """False where too little was judged."""
        return self.share is not None and self.high - self.low <= TOO_WIDE


@dataclass(frozen=True, slots=True)
class Stratum:
    """Photos that were drawn with one probability and judged."""

    probability: float
    judged: int
    """At least one."""
    hits: int

    @property
    def share(self) -> float:
        return self.hits / self.judged


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the report: a reason of rejections, or the approvals."""

    name: str
    drawn: int
    waiting: int
    """Not judged yet."""
    estimate: Estimate
    """Of a rejection, that it should be one; of an approval, that it should not (the miss rate)."""
    other_reason: int = 0
    """Rejections that were right, for another reason than the one that the user was told."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What people decided anew by their own choice, of what workers had decided so."""

    status: str
    reason: str | None
    looked_at: int
    changed: int


@dataclass(frozen=True, slots=True)
class Quality:
    """What samples say about the decisions that they were drawn of."""

    rejections: Part
    by_reason: tuple[Part, ...]
    approvals: Part
    golden: Part


def wilson(share: float, number: float) -> tuple[float, float]:
    """The interval of 95 % for a share of `number` judgements, which need not be whole."""
    if number <= 0:
        return 0.0, 1.0
    centre = share + Z * Z / (2 * number)
    spread = Z * math.sqrt(share * (1 - share) / number + Z * Z / (4 * number * number))
    scale = 1 + Z * Z / number
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def difference(share: float, number: float, before: float, number_before: float) -> tuple[float, float]:
    """The interval of 95 % for the difference of two independent shares (Newcombe's, of Wilson's of each): where 0 lies
    in it, the difference may be chance."""
    (low, high), (low_before, high_before) = wilson(share, number), wilson(before, number_before)
    gap = share - before
    return gap - math.hypot(share - low, high_before - before), gap + math.hypot(high - share, before - low_before)


def estimate(judged: Iterable[tuple[float, bool]]) -> Estimate:
    """From (probability of being drawn, whether it counts)."""
    counts, hits = Counter[float](), Counter[float]()
    for probability, hit in judged:
        counts[probability] += 1
        hits[probability] += hit
    return combined([Stratum(probability, many, hits[probability]) for probability, many in counts.items()])


def combined(strata: Sequence[Stratum]) -> Estimate:
    if not strata:
        return Estimate(0, 0)
    # In one order, so that the last digit does not depend on who came first.
    ordered = sorted(strata, key=lambda each: each.probability)
    total = math.fsum(each.judged / each.probability for each in ordered)
    weights = [each.judged / each.probability / total for each in ordered]
    share = math.fsum(weight * each.share for weight, each in zip(weights, ordered, strict=True))
    ends = [wilson(each.share, each.judged) for each in ordered]
    sizes = [weight * Z * (each.share - share) / math.sqrt(each.judged)
             for weight, each in zip(weights, ordered, strict=True)]  # fmt: skip
    down, up = (
        math.hypot(*sizes, *(weight * (each.share - end[side])
                             for weight, each, end in zip(weights, ordered, ends, strict=True)))
        for side in (0, 1)
    )  # fmt: skip
    share = min(1.0, max(0.0, share))
    judged, hits = (sum(each) for each in zip(*((each.judged, each.hits) for each in ordered), strict=True))
    return Estimate(judged, hits, share, max(0.0, share - down), min(1.0, share + up))


def assess(samples: Iterable[Sample]) -> Quality:
    found = list(samples)
    rejected = [each for each in found if each.kind is Kind.REJECTED]
    reasons = sorted({each.reason or "" for each in rejected})
    return Quality(
        rejections=_part("rejected", rejected),
        by_reason=tuple(_part(name, [each for each in rejected if (each.reason or "") == name]) for name in reasons),
        approvals=_part("approved", [each for each in found if each.kind is Kind.APPROVED], misses=True),
        golden=_part("golden", [each for each in found if each.kind is Kind.GOLDEN]),
    )


def _part(name: str, samples: Sequence[Sample], *, misses: bool = False) -> Part:
    judged = [each for each in samples if each.judged_at is not None]
    counted = [(1.0 if each.kind is Kind.GOLDEN else each.probability, each.agrees is not misses) for each in judged]
    other = sum(
        each.kind is Kind.REJECTED and each.judged_status == MediaStatus.REJECTED and each.judged_reason != each.reason
        for each in judged
    )
    return Part(name, len(samples), len(samples) - len(judged), estimate(counted), other)
