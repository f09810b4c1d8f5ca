"""Counts of a window from some quarter hours of it."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.domain.extrapolated import extrapolated

START = datetime(2026, 11, 2, tzinfo=UTC)
SPANS, QUARTER = 48, timedelta(minutes=15)


def poisson(chance: random.Random, mean: float) -> int:
    limit, product, found = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        found += 1
    return found


def uploads(chance: random.Random, days: int, a_quarter: float, batch: int, burst: float) -> list[int]:
    """By quarter hours: busier by day than by night, some days busier than others, in batches and in bursts."""
    found = []
    for _ in range(days):
        busy = max(0.3, chance.gauss(1, 0.1))
        for quarter in range(96):
            tide = 1 - 0.8 * math.cos((quarter - 12) / 96 * 2 * math.pi)
            mean = a_quarter * busy * tide * (chance.gammavariate(burst, 1 / burst) if burst else 1)
            found.append(sum(chance.randint(1, 2 * batch - 1) for _ in range(poisson(chance, mean / batch))))
    return found


def held(days: int, a_quarter: float, batch: int, burst: float, runs: int = 400) -> float:
    """How often the interval has the truth in it."""
    chance = random.Random(f"{days} {a_quarter} {batch} {burst}")
    hits = 0
    for _ in range(runs):
        quarters = uploads(chance, days, a_quarter, batch, burst)
        step = len(quarters) // SPANS
        counts = [(START + QUARTER * place, quarters[place]) for place in range(0, len(quarters), step)]
        found = extrapolated(counts, SPANS / len(quarters))
        hits += found.low <= sum(quarters) <= found.high
    return hits / runs


@pytest.mark.parametrize(
    ("days", "a_quarter", "batch", "burst"), [(8, 3, 2, 8), (8, 0.3, 2, 8), (16, 2, 3, 8), (32, 1, 3, 8)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(days: int, a_quarter: float, batch: int, burst: float) -> None:
    assert 0.925 <= held(days, a_quarter, batch, burst) <= 0.98


def test_an_even_stream_is_not_claimed_to_be_surer_than_it_is() -> None:
    assert held(8, 5, 1, 0) >= 0.94


def test_what_was_seen_nowhere_may_be_there_all_the_same() -> None:
    found = extrapolated([(START + number * timedelta(hours=15), 0) for number in range(SPANS)], 1 / 60)

    assert (found.number, found.low) == (0, 0)
    assert 200 < found.high < 260, "about four in the spans, sixty times"


def test_there_are_at_least_as_many_as_were_seen_and_the_course_of_a_day_is_no_chance() -> None:
    """Each time of day is the same on every day: only the Poisson noise of a count is left."""
    days = [(START + number * timedelta(hours=6), (1, 20, 50, 20)[number % 4]) for number in range(SPANS)]
    found = extrapolated(days, 1 / 24)
    seen = sum(count for _, count in days)

    assert found.low < found.number == seen * 24 < found.high
    assert (found.high - found.low) / 24 == pytest.approx(2 * 2.02 * math.sqrt(seen * 23 / 24), rel=0.02)
    assert extrapolated(days, 1.0).low == extrapolated(days, 1.0).high == seen
