"""Users as they are: when they come, with how many photos, over what network, and what is pushed twice. Pure.

Most come by chance, some in bursts; a tenth is on a slow network; of some batches the element is pushed twice, at once
or after a pause, as a backend does whose answer was lost.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.domain.job import MAX_PHOTOS
from lomi_ops.domain.statistics import fit

BURSTS, IN_A_BURST, BURST_S = 0.3, 5, 2.0
"""The share of batches that comes in bursts, of so many within so long."""
SLOW, SLOW_S = 0.1, (0.5, 2.0)
"""The share of batches on a slow network, and the seconds that a photo then waits for."""
DUPLICATES, RETRIES, RETRY_S = 0.05, 0.05, (2.0, 8.0)
"""The shares of batches that are pushed again, at once and after so many seconds."""
WARM = 0.25
"""The first part of a run, in which caches fill and processes grow: it says nothing of the rest."""
LEAST_PHOTOS = 500
"""Fewer photos say nothing of growth by the thousand."""
GROWN_UP = 500
"""Photos after which a worker has met sizes of all kinds and keeps the memory that it will (docs/performance.md)."""


class Again(StrEnum):
    """Why an element is pushed a second time."""

    DUPLICATE = "duplicate"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Visit:
    """One batch of one user."""

    at_s: float
    """Since the start."""
    user: int
    """From 0."""
    photos: int
    """1-9"""
    slow_s: float = 0.0
    """That each photo waits for the network."""
    again: Again | None = None
    again_s: float = 0.0
    """After the first push."""


def plan(per_minute: float, minutes: float, users: int, chance: random.Random) -> tuple[Visit, ...]:
    """Visits in the order of their times, with as many photos as the rate makes of the minutes, one at least."""
    left, span_s, sizes = max(1, round(per_minute * minutes)), minutes * 60, list[int]()
    while left:
        sizes.append(min(left, chance.randint(1, MAX_PHOTOS)))
        left -= sizes[-1]
    times = _times(len(sizes), span_s, chance)
    return tuple(_visit(at_s, photos, users, chance) for at_s, photos in zip(times, sizes, strict=True))


def _times(number: int, span_s: float, chance: random.Random) -> list[float]:
    # A burst brings several: of every so many arrivals, this share makes the share of batches.
    share, times = BURSTS / (IN_A_BURST - BURSTS * (IN_A_BURST - 1)), list[float]()
    while len(times) < number:
        start = chance.uniform(0, span_s)
        burst = chance.random() < share
        for _ in range(min(IN_A_BURST if burst else 1, number - len(times))):
            times.append(min(span_s, start + chance.uniform(0, BURST_S)) if burst else start)
    return sorted(times)


def _visit(at_s: float, photos: int, users: int, chance: random.Random) -> Visit:
    slow_s = chance.uniform(*SLOW_S) if chance.random() < SLOW else 0.0
    drawn = chance.random()
    if drawn < DUPLICATES:
        return Visit(at_s, chance.randrange(users), photos, slow_s, Again.DUPLICATE)
    if drawn < DUPLICATES + RETRIES:
        return Visit(at_s, chance.randrange(users), photos, slow_s, Again.RETRY, chance.uniform(*RETRY_S))
    return Visit(at_s, chance.randrange(users), photos, slow_s)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the cluster during a run."""

    at_s: float
    """Since the start."""
    waiting: int
    """Jobs in the queue that nobody has."""
    decided: int
    """Photos of the run, so far."""
    memory: int | None = None
    """Bytes of the largest worker on this machine, its children included; None where none is seen."""
    cpu: float | None = None
    """Share of this machine's cores that Postgres took since the look before; None where it is not seen."""


def warm(samples: Sequence[Sample], until_s: float) -> list[Sample]:
    """Those of the time in which photos came, without its first part."""
    return [each for each in samples if WARM * until_s <= each.at_s <= until_s]


def queue_growth(samples: Sequence[Sample]) -> float | None:
    """Jobs a minute that the queue grows by, as a straight line through looks that are evenly spread."""
    found = fit([float(each.waiting) for each in samples])
    if found is None:
        return None
    step_s = (samples[-1].at_s - samples[0].at_s) / (len(samples) - 1)
    return found.slope / step_s * 60 if step_s else None


def memory_growth(samples: Sequence[Sample]) -> float | None:
    """The share by which the largest worker grows with 1,000 photos, from the middle of the first to that of the last
    third of what comes after the first `GROWN_UP`; None for too few photos or looks."""
    seen = [(each.decided, each.memory) for each in samples if each.memory and each.decided >= GROWN_UP]
    third = len(seen) // 3
    if not third or seen[-1][0] - seen[0][0] < LEAST_PHOTOS:
        return None
    first, last = _middle(seen[:third]), _middle(seen[-third:])
    photos = last[0] - first[0]
    return (last[1] - first[1]) / first[1] * 1000 / photos if photos else None


def _middle(seen: Sequence[tuple[int, int]]) -> tuple[float, float]:
    return sum(photos for photos, _ in seen) / len(seen), sum(memory for _, memory in seen) / len(seen)


def sustained(samples: Sequence[Sample], offered: float, growth: float | None) -> tuple[float | None, bool]:
    """Photos a minute that were decided, and whether that is all there is: where the queue grows, what was decided is;
    where it does not, at least what was offered was sustained."""
    if len(samples) < 2 or growth is None:
        return None, False
    minutes = (samples[-1].at_s - samples[0].at_s) / 60
    rate = (samples[-1].decided - samples[0].decided) / minutes if minutes else None
    grew = growth * minutes > max(2.0, 0.05 * offered * minutes / 5)
    return (rate, True) if grew else (offered, False)
