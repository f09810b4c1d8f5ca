"""Statistics over counted values; beside numpy's and scipy's they stand in `test_references`."""

from __future__ import annotations

import math

import numpy as np

from lomi_ops.domain.quality import wilson
from lomi_ops.domain.statistics import change, fit, grouped, mean, percentile, ratio, spread, together, within


def test_the_trend_is_the_one_that_can_be_worked_out_by_hand() -> None:
    found = fit([1.0, 3.0, 2.0, 6.0])

    assert found is not None
    assert math.isclose(found.slope, 1.4, rel_tol=1e-9)
    assert math.isclose(found.intercept, 0.9, rel_tol=1e-9)


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
