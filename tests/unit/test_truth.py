"""What people said, and for how many photos each speaks."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from lomi_ops.domain.quality import estimate
from lomi_ops.domain.truth import Judged, chances, judged
from lomi_ops.domain.verdict import Outcome


@pytest.mark.parametrize("before", [Outcome.APPROVE, Outcome.REJECT])
def test_what_somebody_changed_of_his_own_choice_speaks_for_no_other_photo(before: Outcome) -> None:
    assert judged(before, "", None, reject=True) is None
    assert judged(before, "", (0.1, False), reject=True) == Judged(before, "", reject=False, probability=0.1)


def test_what_waited_counts_as_one_over_the_share_of_its_pile_that_was_looked_at() -> None:
    said = [judged(Outcome.REVIEW, pile, None, reject=True) for pile in ("underage", "nsfw (sexy)", "nsfw (sexy)")]
    found = [each for each in said if each is not None]
    known = chances(found, {"underage": 1, "nsfw (sexy)": 8, "blurry": 5})

    assert [known.of(each) for each in found] == [1, 0.25, 0.25], "of minors all, of the others a quarter"
    assert known.of(Judged(Outcome.REJECT, "blurry", reject=True, probability=0.05)) == 0.05


def test_nobody_speaks_for_less_than_one_photo() -> None:
    one = Judged(Outcome.REVIEW, "blurry", reject=True, probability=None)

    assert chances([one, one], {"blurry": 1}).of(one) == 1
    assert chances([one], {}).of(one) == 1


RUNS = 800
Pile = tuple[float, float, float | None, float]
"""(photos on average, share that people reject, probability of a sample or None where they wait, share looked at)"""


@pytest.mark.parametrize(
    "piles",
    [
        [(600, 0.95, 0.05, 1), (60, 0.5, None, 1)],
        [(2000, 0.9, 0.05, 1), (300, 0.4, None, 0.5), (80, 0.2, None, 1)],
        [(600, 0.5, 0.1, 1), (900, 0.99, None, 1)],
        [(5000, 0.02, 0.01, 1), (400, 0.9, 0.1, 1), (150, 0.5, None, 0.7)],
        [(3000, 0.2, 0.05, 1)],
    ],
    ids=["all that wait", "half of what waits", "doubtful samples", "around a threshold", "samples alone"],
)
def test_of_a_hundred_intervals_ninety_five_hold_the_truth_whatever_was_looked_at(piles: list[Pile]) -> None:
    """A policy's photos come by chance, some are drawn, and people get to a part of those that wait."""
    chance = np.random.default_rng(zlib.crc32(f"{piles}".encode()))
    truth = sum(many * share for many, share, _, _ in piles) / sum(many for many, *_ in piles)
    held, shares = 0, []
    for _ in range(RUNS):
        found = estimate(_looked_at(chance, piles))
        assert found.share is not None
        held += found.low <= truth <= found.high
        shares.append(found.share)

    assert 0.93 <= held / RUNS <= 0.97
    assert sum(shares) / RUNS == pytest.approx(truth, abs=0.01), "weighted, nothing is looked at too much"


def _looked_at(chance: np.random.Generator, piles: list[Pile]) -> list[tuple[float, bool]]:
    said: list[Judged] = []
    waited: dict[str, int] = {}
    for place, (many, share, probability, looked) in enumerate(piles):
        came = max(1, int(chance.poisson(many)))
        seen = int(chance.binomial(came, probability)) if probability else max(1, round(came * looked))
        before = Outcome.REJECT if probability else Outcome.REVIEW
        if not probability:
            waited[str(place)] = came
        hits = int(chance.binomial(seen, share))
        said += [Judged(before, str(place), number < hits, probability) for number in range(seen)]
    known = chances(said, waited)
    return [(known.of(each), each.reject) for each in said]
