"""Statistics over counted values, beside numpy's and scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.quality import wilson
from lomi_ops.domain.statistics import change, fit, grouped, mean, percentile, ratio, spread, together, within

COUNTED = st.lists(
    st.tuples(st.floats(-1e6, 1e6, allow_nan=False), st.integers(0, 40)), min_size=1, max_size=30
).filter(lambda pairs: sum(times for _, times in pairs) > 0)


def repeated(counted: list[tuple[float, int]]) -> list[float]:
    return [value for value, times in counted for _ in range(times)]


@given(COUNTED, st.floats(0, 1))
def test_percentiles_are_those_of_numpy(counted: list[tuple[float, int]], share: float) -> None:
    expected = float(np.percentile(repeated(counted), share * 100))

    assert percentile(counted, share) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(COUNTED)
def test_a_spread_is_that_of_the_values_one_by_one(counted: list[tuple[float, int]]) -> None:
    values = repeated(counted)
    found = spread(counted)

    assert found.number == len(values)
    assert found.mean == pytest.approx(float(np.mean(values)), rel=1e-9, abs=1e-9)
    assert found.p50 == pytest.approx(float(np.median(values)), rel=1e-9, abs=1e-9)
    assert found.highest == max(values)


@given(st.lists(st.floats(-1e4, 1e4, allow_nan=False), min_size=2, max_size=60))
def test_a_trend_is_the_line_of_least_squares(values: list[float]) -> None:
    slope, intercept = np.polyfit(np.arange(len(values)), values, 1)
    found = fit(values)

    assert found is not None
    assert found.slope == pytest.approx(float(slope), rel=1e-7, abs=1e-7)
    assert found.intercept == pytest.approx(float(intercept), rel=1e-7, abs=1e-7)
    assert found.at(2) == found.intercept + 2 * found.slope


def test_the_trend_is_the_one_that_can_be_worked_out_by_hand() -> None:
    found = fit([1.0, 3.0, 2.0, 6.0])

    assert found is not None
    assert math.isclose(found.slope, 1.4, rel_tol=1e-9)
    assert math.isclose(found.intercept, 0.9, rel_tol=1e-9)


@pytest.mark.parametrize(("hits", "number"), [(0, 1), (1, 1), (3, 10), (5, 200), (199, 200), (82, 263)])
def test_intervals_are_the_roots_of_wilsons_equation(hits: int, number: int) -> None:
    """The interval holds every p with (share - p)^2 <= z^2 p (1 - p) / n: its ends solve a quadratic."""
    z, share = 1.959963984540054, hits / number
    roots = sorted(np.roots([1 + z * z / number, -(2 * share + z * z / number), share * share]).real)
    low, high = wilson(share, number)

    assert low == pytest.approx(float(roots[0]), abs=1e-9)
    assert high == pytest.approx(float(roots[1]), abs=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    drawn = np.random.default_rng(7).binomial(400, 0.2, size=4000)
    held = sum(low <= 0.2 <= high for low, high in (wilson(hits / 400, 400) for hits in drawn.tolist()))

    assert 0.93 <= held / 4000 <= 0.97


def test_values_that_come_twice_are_put_together() -> None:
    assert together([(2.0, 1), (1.0, 3), (2.0, 4)]) == [(1.0, 3), (2.0, 5)]
    assert together([]) == []


def test_nothing_has_no_statistics() -> None:
    found = spread([])

    assert (found.number, found.mean, found.p50, found.p99, found.highest) == (0, None, None, None, None)
    assert percentile([(5.0, 0)], 0.5) is None
    assert (mean([]), within([], 1.0), ratio(1, 0), fit([3.0]), fit([])) == (None, None, None, None, None)
    assert (change(5, 0), change(None, 5), change(5, None)) == (None, None, None)
    assert change(15, 10) == 0.5


def test_one_value_is_all_of_its_statistics() -> None:
    found = spread([(180.0, 1)])

    assert found.mean == found.p50 == found.p95 == found.p99 == found.highest == 180.0


def test_sizes_are_put_together_between_edges_and_none_is_lost() -> None:
    sizes = [(1, 5), (2, 4), (3, 3), (4, 2), (9, 1), (30, 7), (31, 1)]

    assert grouped(sizes, (1, 2, 3, 5, 30)) == [("1", 5), ("2", 4), ("3 - 4", 5), ("5 - 29", 1), ("30 or more", 8)]
