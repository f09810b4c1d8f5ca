"""How many photos a list looks at before it may stop."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db.browsing import FIRST_STEP, LARGEST_STEP, SLOW_S, next_step


def test_steps_grow_while_they_are_quick() -> None:
    assert list(accumulate([0.001] * 4, next_step, initial=FIRST_STEP)) == [1000, 4000, 16_000, 16_000, 16_000]


def test_steps_shrink_to_the_first_where_they_are_slow() -> None:
    assert list(accumulate([1.0] * 3, next_step, initial=LARGEST_STEP)) == [16_000, 4000, 1000, 1000]


@given(st.lists(st.floats(0, 2 * SLOW_S)))
def test_no_step_is_smaller_than_the_first_or_larger_than_the_largest(took: list[float]) -> None:
    assert all(FIRST_STEP <= step <= LARGEST_STEP for step in accumulate(took, next_step, initial=FIRST_STEP))
