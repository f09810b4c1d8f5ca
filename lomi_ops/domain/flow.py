"""How fast a queue fills and empties, from a few looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_S = 600.0
LEAST_S = 5.0
"""Less than this says nothing about a rate."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The queue at one moment: what is in it, and counters that only rise."""

    at_ms: int
    inside: int
    """Elements that wait, are delayed or run."""
    finished: int
    buried: int
    withdrawn: int
    """Cancelled while delayed or running."""
    dropped: int
    """Copies and cancelled elements that a claim cleared away."""
    requeued: int
    """Dead letters that were put back."""
    running: int | None = None
    """Those of `inside` that a worker holds; None where a worker noted it that does not say so yet."""

    @property
    def out(self) -> int:
        return self.finished + self.buried

    @property
    def left(self) -> int:
        """Everything that went out of `inside`, but for what came back."""
        return self.out + self.withdrawn + self.dropped - self.requeued


@dataclass(frozen=True, slots=True)
class Flow:
    """Jobs per minute."""

    span_s: float
    """What it was measured over."""
    in_per_min: float
    out_per_min: float

    def drain_s(self, waiting: int) -> float | None:
        """Seconds until what waits is through at these rates; None where it does not get less."""
        if waiting == 0:
            return 0.0
        net = self.out_per_min - self.in_per_min
        return waiting / net * 60 if net > 0 else None


def flow(samples: Sequence[Sample], now: Sample) -> Flow | None:
    """The rates between the oldest sample of the last ten minutes and now; None where there is none, or one too young.

    A counter that fell (Redis was wiped) hides what was before. Elements that an old BRPOP consumer took left no trace:
    then fewer seem to have come in than did.
    """
    usable = [each for each in samples if LEAST_S <= (now.at_ms - each.at_ms) / 1000 <= WINDOW_S]
    usable = [each for each in usable if each.out <= now.out and each.left <= now.left]
    if not usable:
        return None
    first = min(usable, key=lambda each: each.at_ms)
    span_s = (now.at_ms - first.at_ms) / 1000
    came = now.inside - first.inside + now.left - first.left
    return Flow(span_s, max(0, came) / span_s * 60, (now.out - first.out) / span_s * 60)
