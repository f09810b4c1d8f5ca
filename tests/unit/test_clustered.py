"""Shares of photos of which whole users were drawn. Beside references they stand in `reports/test_references`."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from lomi_ops.domain.clustered import Clustered
from lomi_ops.domain.quality import wilson

Users = Sequence[tuple[int, int]]
"""(photos, hits) of each."""


def clustered(found: Users) -> Clustered:
    return Clustered(
        len(found), sum(n for n, _ in found), sum(y for _, y in found), sum(n * n for n, _ in found),
        sum(y * y for _, y in found), sum(n * y for n, y in found),
    )  # fmt: skip


def test_a_hand_computed_one() -> None:
    """Three users with 4, 2, 2 photos and 2, 2, 0 hits: share 1/2, residuals 0, 1, -1, so 3/2 · 2 / 64."""
    assert clustered([(4, 2), (2, 2), (2, 0)]).variance == pytest.approx(3 / 64, abs=1e-12)


def test_photos_of_their_own_user_each_are_independent_but_for_the_few_users() -> None:
    found = clustered([(1, int(k < 300)) for k in range(1000)])

    assert found.independent == pytest.approx(999)
    assert found.interval() == pytest.approx(wilson(0.3, 1000), abs=2e-3)


def test_users_who_are_always_alike_count_once_each() -> None:
    some = clustered([(10, 10 * (k < 30)) for k in range(100)])
    none = clustered([(10, 0)] * 100)

    assert some.independent == pytest.approx(99)
    assert none.independent == 100
    assert none.interval()[1] == pytest.approx(wilson(0, 100)[1], abs=2e-3)
    assert clustered([(50, 25)]).interval()[0] < 0.1, "one user says next to nothing"


@pytest.mark.parametrize(("share", "number"), [(0.5, 40), (0.1, 150), (0.3, 400)])
def test_of_a_hundred_intervals_ninety_five_hold_the_truth_though_users_are_alike(share: float, number: int) -> None:
    chance = random.Random(20261127)
    ours = photos = 0
    for _ in range(RUNS):
        found = [_user(chance, share) for _ in range(number)]
        whole = clustered(found)
        ours += _holds(whole.interval(), share)
        photos += _holds(wilson(whole.share, whole.photos), share)

    assert 0.93 <= ours / RUNS <= 0.97
    assert photos / RUNS < 0.8


RUNS = 1500
ALIKE = 0.3
"""The correlation of two photos of one user."""


def _user(chance: random.Random, share: float) -> tuple[int, int]:
    """One with 1 to 30 photos, mostly few, and a share of his own around that of all."""
    number = min(30, 1 + int(chance.expovariate(1 / 6)))
    strength = 1 / ALIKE - 1
    own = chance.betavariate(share * strength, (1 - share) * strength)
    return number, sum(chance.random() < own for _ in range(number))


def _holds(interval: tuple[float, float], share: float) -> bool:
    return interval[0] <= share <= interval[1]
