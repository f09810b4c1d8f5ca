"""How the benchmarks sum up."""

from __future__ import annotations

import pytest

from benchmarks.queue.figures import Figure, percentile, table


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_the_worst_of_few_values_stands_for_their_last_percentile() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_a_goal_that_was_missed_stands_out_and_none_is_no_answer() -> None:
    lines = table([
        Figure("fast", 12345.6, "/s"),
        Figure("slow", 0.51, "s", "≤ 0.5 s", False),
        Figure("fine", 0.49, "s", "≤ 0.5 s", True),
    ]).splitlines()  # fmt: skip
    assert [line.split(" | ")[1:4] for line in lines[2:]] == [
        ["12,346 /s", "", ""],
        ["0.51 s", "≤ 0.5 s", "**no**"],
        ["0.49 s", "≤ 0.5 s", "yes"],
    ]
