"""Shares from samples: known intervals, weights, and how often an interval holds what is true."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.quality import assess, difference, estimate, wilson
from lomi_ops.domain.sampling import Kind, Sample, answer_of, share_of
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import UsageError

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def sample(kind: Kind, status: str, reason: str | None, judged: str | None, why: str | None = None) -> Sample:
    number = random.getrandbits(64)
    given = (AT, "hana", judged, why) if judged else ()
    return Sample(number, UUID(int=number), kind, AT, 0.1, status, reason, None, *given)


@pytest.mark.parametrize(
    ("hits", "number", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (300, 300, 0.9874, 1.0)],
)
def test_wilson_gives_the_intervals_of_the_books(hits: int, number: int, low: float, high: float) -> None:
    assert wilson(hits / number, number) == pytest.approx((low, high), abs=1e-4)


def test_a_clean_sample_of_three_hundred_says_less_than_about_one_percent() -> None:
    found = estimate([(0.01, False)] * 300)
    assert (found.share, found.tells) == (0.0, True)
    assert found.low == pytest.approx(0.0, abs=1e-12)
    assert found.high == pytest.approx(0.0126, abs=1e-4)


@given(judged=st.lists(st.tuples(st.floats(0.001, 1.0), st.booleans()), min_size=1, max_size=60))
def test_the_share_lies_in_its_interval_and_the_interval_among_shares(judged: list[tuple[float, bool]]) -> None:
    found = estimate(judged)
    assert found.share is not None
    assert 0.0 <= found.low <= found.share + 1e-9
    assert found.share <= found.high + 1e-9 <= 1.0 + 1e-9
    assert found.hits == sum(hit for _, hit in judged)


@given(judged=st.lists(st.booleans(), min_size=1, max_size=60), p=st.floats(0.001, 1.0))
def test_equal_probabilities_change_nothing(judged: list[bool], p: float) -> None:
    weighted, plain = estimate([(p, hit) for hit in judged]), estimate([(1.0, hit) for hit in judged])
    assert (weighted.low, weighted.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


def test_a_photo_that_was_drawn_seldom_speaks_for_many() -> None:
    """Of 1,000 at 10 % and 1,000 at 50 %: the first all wrong, the second all right."""
    found = estimate([(0.1, False)] * 100 + [(0.5, True)] * 500)
    assert found.share == pytest.approx(0.5)
    assert (found.judged, found.hits) == (600, 500)


def test_nothing_judged_tells_nothing() -> None:
    found = estimate([])
    assert (found.share, found.low, found.high, found.tells) == (None, 0.0, 1.0, False)


def test_few_judgements_are_said_to_be_too_few() -> None:
    assert not estimate([(1.0, True)] * 9 + [(1.0, False)]).tells
    assert estimate([(1.0, True)] * 190 + [(1.0, False)] * 10).tells


@pytest.mark.parametrize("truth", [0.02, 0.1, 0.5, 0.9])
def test_intervals_of_even_samples_hold_the_truth_as_often_as_they_say(truth: float) -> None:
    rng = random.Random(f"even {truth}")
    held = 0
    for _ in range(1500):
        found = estimate([(0.05, rng.random() < truth) for _ in range(200)])
        held += found.low <= truth <= found.high
    assert 0.93 <= held / 1500 <= 0.98


@pytest.mark.parametrize(
    ("share", "number", "before", "number_before", "low", "high"),
    [
        (56 / 70, 70, 48 / 80, 80, 0.0524, 0.3339),
        (9 / 10, 10, 3 / 10, 10, 0.1705, 0.8090),
        (5 / 56, 56, 0.0, 29, -0.0381, 0.1926),
        (10 / 10, 10, 0.0, 10, 0.6075, 1.0),
    ],
)
def test_a_difference_has_the_interval_of_newcombes_examples(
    share: float, number: int, before: float, number_before: int, low: float, high: float
) -> None:
    assert difference(share, number, before, number_before) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("share", "before"), [(0.02, 0.02), (0.22, 0.2), (0.9, 0.5)])
def test_differences_of_two_windows_hold_the_truth_as_often_as_they_say(share: float, before: float) -> None:
    rng = random.Random(f"two windows {share} {before}")
    held = 0
    for _ in range(1500):
        now, then = (sum(rng.random() < truth for _ in range(200)) / 200 for truth in (share, before))
        low, high = difference(now, 200, then, 200)
        held += low <= share - before <= high
    assert 0.93 <= held / 1500 <= 0.98


def test_estimates_of_uneven_draws_are_unbiased_and_their_intervals_hold() -> None:
    """Two strata with different truths, drawn at 2 % and 20 %: what an unweighted mean would get wrong by 0.2."""
    rng = random.Random("uneven")
    strata = ((0.02, 4000, 0.9), (0.2, 2000, 0.5))
    truth = sum(size * share for _, size, share in strata) / sum(size for _, size, _ in strata)
    shares, held = [], 0
    for _ in range(600):
        judged = []
        for p, size, share in strata:
            drawn = sum(rng.random() < p for _ in range(size))
            judged += [(p, rng.random() < share) for _ in range(drawn)]
        found = estimate(judged)
        assert found.share is not None
        shares.append(found.share)
        held += found.low <= truth <= found.high
    mean = sum(shares) / len(shares)
    spread = (sum((share - mean) ** 2 for share in shares) / len(shares)) ** 0.5
    assert abs(mean - truth) < 0.5 * spread
    assert held / 600 >= 0.93


def test_rejections_approvals_and_golden_photos_are_counted_apart() -> None:
    found = assess([
        sample(Kind.REJECTED, "rejected", "nsfw", "rejected", "nsfw"),
        sample(Kind.REJECTED, "rejected", "nsfw", "rejected", "underage"),
        sample(Kind.REJECTED, "rejected", "blurry", "approved"),
        sample(Kind.REJECTED, "rejected", "blurry", None),
        sample(Kind.APPROVED, "approved", None, "approved"),
        sample(Kind.APPROVED, "approved", None, "rejected", "nsfw"),
        sample(Kind.GOLDEN, "rejected", "nsfw", "rejected", "blurry"),
        sample(Kind.GOLDEN, "approved", None, "approved"),
    ])  # fmt: skip
    assert (found.rejections.drawn, found.rejections.waiting, found.rejections.estimate.hits) == (4, 1, 2)
    assert {part.name: (part.estimate.judged, part.estimate.hits) for part in found.by_reason} == {
        "blurry": (1, 0),
        "nsfw": (2, 2),
    }
    assert found.by_reason[1].other_reason == 1, "right to reject, and the user was told the wrong reason"
    assert found.approvals.estimate.share == 0.5, "the share of misses"
    assert found.golden.estimate.share == 0.5, "a golden photo is right with its reason alone"


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.05", 0.05), ("100%", 1), ("1", 1), (" 2.5 % ", 0.025)])
def test_a_share_is_a_percentage_or_a_number(text: str, share: float) -> None:
    assert share_of(text, "--approved") == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1%", "1.5", "many", "", "%", "nan", "inf%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no share"):
        share_of(text, "--approved")


def test_answers_are_those_that_a_person_can_give() -> None:
    assert answer_of("approved") == (MediaStatus.APPROVED, None)
    assert answer_of("rejected:nsfw") == (MediaStatus.REJECTED, Reason.NSFW)
    for text in ("rejected", "rejected:ugly", "approved:nsfw", "failed", "rejected:missing_evidence"):
        with pytest.raises(UsageError, match="no answer"):
            answer_of(text)
