"""What happened to a job, counted, and read back."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.tally import BOUNDS_S, Tally, histograms, numbers, place, quantile


def read(tally: Tally) -> dict[str, int]:
    return {name: int(number) for name, _, number in (pair.partition("=") for pair in str(tally).split())}


def test_a_time_lies_in_the_place_of_the_first_bound_that_is_not_below() -> None:
    assert [place(seconds) for seconds in (0.0, 0.005, 0.0051, 1800.0, 1801.0)] == [0, 0, 1, 16, 17]


def test_what_was_counted_is_read_back() -> None:
    tally = Tally()
    for seconds in (0.004, 0.12, 0.13):
        tally.time(seconds, "engine", "faces")
    tally.time(3.0, "write")
    tally.count("photo", "rejected", "blurry")
    tally.count("photo", "approved", "")
    found = histograms(read(tally))

    assert set(found) == {("engine", "faces"), ("write",)}
    assert found["engine", "faces"].count == 3
    assert found["engine", "faces"].sum_s == pytest.approx(0.254)
    assert found["engine", "faces"].places[:6] == (1, 0, 0, 0, 0, 2)
    assert numbers(read(tally)) == {("photo", "rejected", "blurry"): 1, ("photo", "approved", ""): 1}


def test_a_quantile_lies_between_the_bounds_of_its_place() -> None:
    assert quantile([0] * 18, 0.95) is None
    assert quantile([0] * 17 + [5], 0.95) == BOUNDS_S[-1]
    assert quantile([10] + [0] * 17, 0.5) == pytest.approx(0.0025)
    assert quantile([0, 0, 0, 0, 0, 0, 19, 1] + [0] * 10, 0.95) == pytest.approx(0.2)


@given(st.lists(st.floats(0, 1700), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_off_by_no_more_than_a_place(times: list[float], share: float) -> None:
    tally = Tally()
    for seconds in times:
        tally.time(seconds, "x")
    told = quantile(histograms(read(tally))["x",].places, share)
    true = sorted(times)[max(0, -int(-share * len(times) // 1) - 1)]

    assert told is not None
    assert abs(place(told) - place(true)) <= 1


def test_the_reaper_samples_as_many_places_as_there_are() -> None:
    lua = files("lomi_ops.queue").joinpath("lua", "reap.lua").read_text("utf-8")
    found = re.search(r"local PLACES = (\d+)", lua)
    assert found is not None
    assert int(found[1]) == len(BOUNDS_S) + 1
