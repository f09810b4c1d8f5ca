"""When a share rose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.jump import FEW, Hour, jump, rose

FIRST = datetime(2026, 11, 20, tzinfo=UTC)


def hours(*parts: tuple[int, int]) -> list[Hour]:
    """From photos and hits."""
    return [Hour(FIRST + timedelta(hours=number), photos, hits) for number, (photos, hits) in enumerate(parts)]


def test_a_rise_is_found_at_the_hour_where_it_began() -> None:
    found = jump(hours(*[(20, 1)] * 10, *[(20, 9)] * 5))

    assert found is not None
    assert found.at == FIRST + timedelta(hours=10)
    assert (round(found.before, 2), round(found.after, 2)) == (0.05, 0.45)


@pytest.mark.parametrize(
    "series",
    [
        [],
        [(100, 40)],
        [(20, 4)] * 20,
        [(20, 9)] * 10 + [(20, 1)] * 10,
        [(3, 0)] * 5 + [(3, 3)] * 5,
        [(400, 200), (400, 216)],
    ],
    ids=["nothing", "one hour", "flat", "a fall", "few photos", "a small rise"],
)
def test_what_is_no_rise_is_none(series: Sequence[tuple[int, int]]) -> None:
    assert jump(hours(*series)) is None


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (max(pair), min(pair))), max_size=40)
)
def test_what_is_found_is_a_rise_with_enough_photos_on_both_sides(series: list[tuple[int, int]]) -> None:
    whole = hours(*series)

    found = jump(whole)

    if found is not None:
        before = [hour for hour in whole if hour.start < found.at]
        after = [hour for hour in whole if hour.start >= found.at]
        assert sum(hour.photos for hour in before) >= FEW <= sum(hour.photos for hour in after)
        assert rose(found.before, found.after)
        assert found.before == pytest.approx(sum(h.hits for h in before) / sum(h.photos for h in before))
