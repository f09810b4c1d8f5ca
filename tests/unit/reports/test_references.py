"""Every statistic that reports are made of, beside scipy's or numpy's on drawn values: equal to 1e-9.

The difference may be 1e-9 of the value, or 1e-9 where the value is smaller than one. The samples of users and of spans
are ours, so their references are the textbook's formula over the photos one by one, with scipy's quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from lomi_ops.domain.alike import photos_for_one
from lomi_ops.domain.clustered import Clustered, student
from lomi_ops.domain.extrapolated import extrapolated
from lomi_ops.domain.jump import FEW, LEAST_GAIN, Hour, jump, rose
from lomi_ops.domain.quality import Z, difference, estimate, wilson
from lomi_ops.domain.statistics import fit, mean, percentile, spread, within
from lomi_ops.domain.tally import BOUNDS_S, quantile

EXACT = 1e-9
START = datetime(2026, 11, 2, tzinfo=UTC)
numbers = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)
counted = st.lists(st.tuples(numbers, st.integers(0, 40)), min_size=1, max_size=30).filter(
    lambda pairs: sum(times for _, times in pairs) > 0
)
shares = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
"""(hits, number)"""


def equal(expected: object) -> object:
    return pytest.approx(expected, rel=EXACT, abs=EXACT)


def repeated(pairs: Sequence[tuple[float, int]]) -> list[float]:
    return [value for value, times in pairs for _ in range(times)]


@given(counted, st.floats(0, 1))
def test_percentiles_are_those_of_numpy(pairs: list[tuple[float, int]], share: float) -> None:
    assert percentile(pairs, share) == equal(float(np.quantile(repeated(pairs), share)))


@given(counted)
def test_a_spread_is_that_of_the_values_one_by_one(pairs: list[tuple[float, int]]) -> None:
    values, found = repeated(pairs), spread(pairs)
    told = (found.p50, found.p95, found.p99, found.highest)

    assert found.number == len(values)
    assert found.mean == mean(pairs) == equal(float(np.mean(values)))
    assert told == equal(tuple(map(float, np.quantile(values, (0.5, 0.95, 0.99, 1)))))


@given(counted, numbers)
def test_the_share_on_target_is_that_of_scipys_ranks(pairs: list[tuple[float, int]], limit: float) -> None:
    expected = stats.percentileofscore(repeated(pairs), limit, kind="weak") / 100

    assert within(pairs, limit) == equal(float(expected))


@given(st.lists(st.floats(-1e4, 1e4, allow_nan=False, allow_subnormal=False), min_size=2, max_size=60))
def test_a_trend_is_scipys_regression(values: list[float]) -> None:
    expected, found = stats.linregress(np.arange(len(values)), values), fit(values)

    assert found is not None
    assert (found.slope, found.intercept) == equal((float(expected.slope), float(expected.intercept)))
    assert found.at(90) == equal(float(expected.intercept + 90 * expected.slope))


def test_the_normal_quantile_is_scipys() -> None:
    assert pytest.approx(float(stats.norm.ppf(0.975)), rel=EXACT) == Z


@given(st.one_of(st.integers(1, 5000).map(float), st.floats(1, 5000)))
def test_students_quantile_is_scipys_for_whole_and_for_broken_degrees_of_freedom(freedom: float) -> None:
    assert student(freedom) == pytest.approx(float(stats.t.ppf(0.975, freedom)), rel=EXACT)


@given(shares)
def test_an_interval_is_scipys_of_wilson(some: tuple[int, int]) -> None:
    hits, number = some

    assert wilson(hits / number, number) == equal(by_scipy(hits, number))


@given(st.floats(0, 1), st.floats(0.5, 1e5))
def test_of_a_broken_number_an_interval_ends_where_the_score_test_does(share: float, number: float) -> None:
    more = float(stats.chi2.ppf(0.95, 1)) / number
    ends = sorted(np.roots([1 + more, -(2 * share + more), share * share]).real)

    assert wilson(share, number) == equal((float(ends[0]), float(ends[1])))


@given(shares, shares)
def test_the_interval_of_a_difference_is_newcombes_of_scipys_intervals(
    now: tuple[int, int], before: tuple[int, int]
) -> None:
    """His tenth method: the distances to the ends of both intervals, squared and added."""
    share, share_before = (hits / number for hits, number in (now, before))
    (low, high), (low_before, high_before) = by_scipy(*now), by_scipy(*before)
    down = np.linalg.norm([share - low, high_before - share_before])
    up = np.linalg.norm([high - share, share_before - low_before])
    gap = share - share_before

    assert difference(share, now[1], share_before, before[1]) == equal((float(gap - down), float(gap + up)))


def by_scipy(hits: int, number: int) -> tuple[float, float]:
    found = stats.binomtest(hits, number).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


@given(st.lists(st.tuples(st.sampled_from([0.01, 0.05, 0.3, 1.0]) | st.floats(0.001, 1), st.booleans()), min_size=1))
def test_a_weighted_share_is_numpys_average(judged: list[tuple[float, bool]]) -> None:
    """Horvitz and Thompson's over the sum of the weights. Of each probability the interval is scipy's; their distances
    to the share are squared and added with the standard error of how many photos each stands for."""
    weights = 1 / np.array([probability for probability, _ in judged])
    hits = np.array([hit for _, hit in judged], float)
    share, low, high = float(np.average(hits, weights=weights)), [], []
    for probability in {probability for probability, _ in judged}:
        there = weights == 1 / probability
        part, mine = float(weights[there].sum() / weights.sum()), float(hits[there].mean())
        ends = by_scipy(int(hits[there].sum()), int(there.sum()))
        sizes = float(stats.norm.ppf(0.975)) * (mine - share) / np.sqrt(there.sum())
        low.append(part * np.hypot(mine - ends[0], sizes))
        high.append(part * np.hypot(ends[1] - mine, sizes))
    found = estimate(judged)

    assert found.share == equal(share)
    assert found.low == equal(max(0.0, share - float(np.linalg.norm(low))))
    assert found.high == equal(min(1.0, share + float(np.linalg.norm(high))))


users = st.lists(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=2)


@given(users)
def test_the_variance_of_whole_users_is_the_sandwich_of_a_regression(found: list[tuple[int, int]]) -> None:
    """On a constant, photo by photo, with the usual correction for few clusters."""
    sizes = np.array([number for number, _ in found])
    hits = np.concatenate([np.arange(number) < some for number, some in found]).astype(float)
    ones = np.ones((len(hits), 1))
    (share,), *_ = np.linalg.lstsq(ones, hits)
    scores = np.bincount(np.repeat(np.arange(len(sizes)), sizes), weights=hits - share)
    bread = float(np.linalg.inv(ones.T @ ones)[0, 0])
    expected = len(sizes) / (len(sizes) - 1) * bread * float(scores @ scores) * bread
    whole = Clustered(
        len(sizes), int(sizes.sum()), sum(y for _, y in found), int(sizes @ sizes),
        sum(y * y for _, y in found), sum(n * y for n, y in found),
    )  # fmt: skip

    assert whole.share == equal(float(share))
    assert whole.variance == pytest.approx(expected, rel=EXACT, abs=1e-15)
    wider = stats.t.ppf(0.975, len(sizes) - 1) / stats.norm.ppf(0.975)
    assert whole.interval() == equal(wilson(whole.share, whole.independent / float(wider) ** 2))


parts = st.lists(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=12)


@given(parts)
def test_how_alike_photos_are_is_the_dispersion_of_second_differences(found: list[tuple[int, int]]) -> None:
    photos, hits = (np.array(each, float) for each in zip(*found, strict=True))
    assume(0 < hits.sum() < photos.sum())
    inverse = 1 / photos
    sizes = 1 / (inverse[:-2] + 4 * inverse[1:-1] + inverse[2:])
    freedom = 18 / 35 * sizes.sum() ** 2 / (sizes @ sizes)
    assume(freedom >= 4)
    share = hits.sum() / photos.sum()
    dispersion = float(np.sum((sizes * np.diff(hits / photos, n=2)) ** 2) / sizes.sum() / (share * (1 - share)))
    wider = float(stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975))

    assert photos_for_one(found) == equal(max(1.0, dispersion * wider**2))


@given(st.lists(st.integers(0, 500), min_size=24, max_size=60), st.floats(0.001, 0.99))
def test_a_scaled_count_has_the_interval_of_a_score_test_with_scipys_quantile(counts: list[int], part: float) -> None:
    """Spans an hour apart, each beside the next in the course of a day; the variance is that of differences."""
    assume(sum(counts) > 0)
    spans = [(START + timedelta(hours=place % 24, days=place // 24), count) for place, count in enumerate(counts)]
    by_hour = [count for _, count in sorted(enumerate(counts), key=lambda each: (each[0] % 24, each[0]))]
    seen = sum(counts)
    wide = max(1.0, len(counts) * float(np.mean(np.diff(by_hour) ** 2)) / 2 / seen) * (1 - part)
    t = float(stats.t.ppf(0.975, 40))
    high = float(max(np.roots([1, -(2 * seen + t * t * wide), seen * seen]).real))
    low = seen * seen / high  # the product of both roots: the smaller one by itself has lost digits
    found = extrapolated(spans, part)

    assert found.number == equal(seen / part)
    assert (found.low, found.high) == equal((max(seen, low / part), high / part))


@given(st.lists(st.integers(1, 1000), min_size=len(BOUNDS_S), max_size=len(BOUNDS_S)), st.floats(0.001, 0.999))
def test_a_quantile_of_a_histogram_is_scipys(places: list[int], share: float) -> None:
    expected = stats.rv_histogram((places, (0.0, *BOUNDS_S)), density=False).ppf(share)

    assert quantile([*places, 0], share) == equal(float(expected))


hours = st.lists(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=30)


@given(hours)
def test_a_rise_is_where_scipys_likelihood_ratio_is_largest(series: list[tuple[int, int]]) -> None:
    whole = [Hour(START + timedelta(hours=place), *each) for place, each in enumerate(series)]
    ratios = {place: ratio for place in range(1, len(series)) if (ratio := _ratio(whole, place)) is not None}
    found = jump(whole)

    if found is None:
        assert max(ratios.values(), default=0.0) <= 2 * LEAST_GAIN + EXACT
    else:
        assert ratios[[hour.start for hour in whole].index(found.at)] == equal(max(ratios.values()))


def _ratio(series: Sequence[Hour], place: int) -> float | None:
    """The G statistic of a split; None where it is no rise worth telling."""
    sides = [(sum(each.hits for each in side), sum(each.photos for each in side))
             for side in (series[:place], series[place:])]  # fmt: skip
    (hits, photos), (hits_after, photos_after) = sides
    if min(photos, photos_after) < FEW or not rose(hits / photos, hits_after / photos_after):
        return None
    if hits + hits_after == photos + photos_after:
        return None
    table = [[some, all_ - some] for some, all_ in sides]
    return float(stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic)


def test_chance_makes_a_rise_of_that_size_once_in_two_thousand_splits() -> None:
    assert math.isclose(float(stats.chi2.sf(2 * LEAST_GAIN, 1)), 1 / 2000, rel_tol=0.1)
