"""What happened to a job, as increments of counters that all workers share. The call that finishes it carries them.

A histogram `x` is counted in fields `t:x:0` … by the place of its bound, and `t:x:us`, the sum in microseconds; all
else is one field `n:x`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BOUNDS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds of the places, in seconds; behind the last one is one more place. `reap.lua` has their number."""
WRITE, OBJECT, WAIT, JOB = "write", "object", "wait", "job"
ENGINE, REPORT, PHOTO, FAILED = "engine", "report", "photo", "failed"
REUSE, SAVED = "reuse", "saved"
HIT, MISS = "hit", "miss"


@dataclass(slots=True)
class Tally:
    """Counts of one job."""

    counts: Counter[str] = field(default_factory=Counter)

    def count(self, *name: str, by: int = 1) -> None:
        self.counts[":".join(("n", *name))] += by

    def time(self, seconds: float, *name: str) -> None:
        whole = ":".join(("t", *name))
        self.counts[f"{whole}:{place(seconds)}"] += 1
        self.counts[f"{whole}:us"] += round(max(0.0, seconds) * 1_000_000)

    def __str__(self) -> str:
        """As `finish.lua` reads it."""
        return " ".join(f"{name}={number}" for name, number in self.counts.items() if number)


def place(seconds: float) -> int:
    """Of the first bound that is not below."""
    return next((at for at, bound in enumerate(BOUNDS_S) if seconds <= bound), len(BOUNDS_S))


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often something took how long."""

    places: tuple[int, ...]
    """One for each bound, and one for what took longer."""
    sum_s: float

    @property
    def count(self) -> int:
        return sum(self.places)


def histograms(fields: Mapping[str, int]) -> dict[tuple[str, ...], Histogram]:
    """All that were counted, by the words of their names."""
    names = {tuple(name.split(":")[1:-1]) for name in fields if name.startswith("t:")}
    return {name: _histogram(fields, ":".join(("t", *name))) for name in sorted(names)}


def _histogram(fields: Mapping[str, int], whole: str) -> Histogram:
    places = tuple(fields.get(f"{whole}:{at}", 0) for at in range(len(BOUNDS_S) + 1))
    return Histogram(places, fields.get(f"{whole}:us", 0) / 1_000_000)


def numbers(fields: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    """What is no histogram, by the words of its name."""
    return {tuple(name.split(":")[1:]): number for name, number in fields.items() if name.startswith("n:")}


def quantile(places: Sequence[int], share: float) -> float | None:
    """Seconds below which this share lies, evenly spread between two bounds as Prometheus has it; None where there is
    nothing. What lies behind the last bound is told as that bound."""
    wanted, below = share * sum(places), 0
    if wanted <= 0:
        return None
    for at, number in enumerate(places[: len(BOUNDS_S)]):
        if below + number >= wanted:
            low = BOUNDS_S[at - 1] if at else 0.0
            return low + (BOUNDS_S[at] - low) * (wanted - below) / number
        below += number
    return BOUNDS_S[-1]
