"""Photos that are alike tell less than as many independent ones."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.alike import BATCH, photos_for_one
from lomi_ops.domain.quality import difference, wilson

HOURS = 24
RUNS = 600


def test_a_hand_computed_one() -> None:
    """Hours of 10 photos that are all of one kind in turns: each jump is 2, squared 4, at a variance of 6/10 times a
    quarter. 10 hours have 8 jumps, so 18/35 · 8 degrees of freedom."""
    t = 2.7464  # of 4.114 degrees of freedom
    found = photos_for_one([(10, 10 * (hour % 2)) for hour in range(10)])

    assert found == pytest.approx(4 / (6 / 10 * 0.25) * (t / 1.959964) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [(5, 1)],
        [(100, 20)] * 4,
        [(0, 0)] * 30,
        [(9, 0)] * 30,
        [(9, 9)] * 30,
        [(1000, 100), (1000, 110), *[(1, 1)] * 3],
    ],
)
def test_where_nothing_can_be_seen_a_whole_batch_counts_as_one_photo(parts: list[tuple[int, int]]) -> None:
    assert photos_for_one(parts) == BATCH
    assert photos_for_one(parts, 2.5) == 2.5


def test_the_course_of_a_day_is_no_sign_of_likeness() -> None:
    """A rate that rises from 10 % to 30 % and falls again."""
    shares = [0.2 + 0.1 * math.sin(hour * math.tau / 24) for hour in range(HOURS)]

    assert photos_for_one([(2000, round(2000 * share)) for share in shares]) == 1


@given(st.lists(st.integers(0, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=40))
def test_nothing_tells_more_than_independent_photos(parts: list[tuple[int, int]]) -> None:
    assert photos_for_one(parts) >= 1
    assert math.isfinite(photos_for_one(parts))


@pytest.mark.parametrize(("share", "batches"), [(0.3, 40), (0.1, 200), (0.05, 200)])
@pytest.mark.parametrize("alike", [0.3, 1.0])
def test_of_a_hundred_intervals_ninety_five_hold_the_truth_though_batches_are_alike(
    share: float, batches: int, alike: float
) -> None:
    chance = random.Random(f"{share} {batches} {alike}")
    held, by_photos, changes = 0, 0, 0
    for _ in range(RUNS):
        now, before = (_day(chance, share, batches, alike) for _ in range(2))
        one = photos_for_one(now)
        (photos, seen), (photos_before, seen_before) = _whole(now), _whole(before)
        held += _holds(wilson(seen, photos / one), share)
        by_photos += _holds(wilson(seen, photos), share)
        changes += _holds(difference(seen, photos / one, seen_before, photos_before / one), 0)

    assert 0.92 <= held / RUNS <= 0.975
    assert 0.92 <= changes / RUNS <= 0.98
    assert by_photos / RUNS < 0.86


def test_independent_photos_are_found_to_be_nearly_so() -> None:
    chance = random.Random("independent")
    held = 0
    for _ in range(RUNS):
        now = _day(chance, 0.2, 200, 0)
        photos, seen = _whole(now)
        held += _holds(wilson(seen, photos / photos_for_one(now)), 0.2)

    assert 0.94 <= held / RUNS <= 0.985


def _day(chance: random.Random, share: float, batches: int, alike: float) -> list[tuple[int, int]]:
    """Batches of 1 to 9 in the hours of a day that has its quiet ones; `alike` is how photos of one are correlated."""
    weights = [1 + 0.9 * math.sin(hour * math.tau / 24) for hour in range(HOURS)]
    parts = [(0, 0)] * HOURS
    for hour in chance.choices(range(HOURS), weights, k=batches):
        size = chance.randint(1, 9)
        own = _own(chance, share, alike)
        hits = sum(chance.random() < own for _ in range(size))
        parts[hour] = parts[hour][0] + size, parts[hour][1] + hits
    return parts


def _own(chance: random.Random, share: float, alike: float) -> float:
    """A batch's own share."""
    if alike in (0, 1):
        return share if not alike else float(chance.random() < share)
    strength = 1 / alike - 1
    return chance.betavariate(share * strength, (1 - share) * strength)


def _whole(parts: list[tuple[int, int]]) -> tuple[int, float]:
    photos = sum(each for each, _ in parts)
    return photos, sum(hits for _, hits in parts) / photos


def _holds(interval: tuple[float, float], share: float) -> bool:
    return interval[0] <= share <= interval[1]
