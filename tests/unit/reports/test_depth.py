"""How many waited, from how many came and went in each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.depth import Moves, depth, together
from lomi_ops.domain.grid import grid
from lomi_ops.domain.window import Window

START = datetime(2026, 11, 19, tzinfo=UTC)
DAY = grid(Window(START, START + timedelta(days=1)), UTC)


FIRST = int(START.timestamp()) // 60


def moves(*rows: tuple[int, int, int]) -> Moves:
    """(minute of the day, came, went)"""
    return Moves([FIRST + minute for minute, _, _ in rows], [came for _, came, _ in rows], [went for *_, went in rows])


def test_minutes_above_a_limit_are_counted_and_peaks_stand_in_their_hour() -> None:
    found = depth(moves((10, 12, 0), (15, 0, 2), (70, 0, 10)), DAY, 10)

    assert (found.came, found.went, found.left, found.peak) == (12, 12, 0, 12)
    assert found.minutes_above == 5
    assert found.oldest_s == 3600
    assert found.peaks[:3] == (12, 10, 0)
    assert (found.ins[0], found.outs[0], found.outs[1]) == (12, 2, 10)


def test_what_waited_at_the_start_still_waits() -> None:
    found = depth(moves((-600, 11, 0), (30, 0, 1)), DAY, 10)

    assert (found.came, found.went, found.left, found.peak) == (0, 1, 10, 11)
    assert found.minutes_above == 30
    assert found.oldest_s == timedelta(hours=34).total_seconds()


def test_a_queue_that_nothing_came_to_is_empty() -> None:
    found = depth(moves(), DAY, 10)

    assert (found.came, found.left, found.peak, found.minutes_above, found.oldest_s) == (0, 0, 0, 0, 0)
    assert found.peaks == (0,) * 24


def test_what_came_and_went_in_one_minute_never_waited() -> None:
    assert depth(moves((5, 50, 50)), DAY, 10).peak == 0


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 5)), max_size=60), st.integers(1, 120))
def test_it_is_what_a_count_minute_by_minute_says(arrivals: list[tuple[int, int]], stay: int) -> None:
    came, went = [0] * 1440, [0] * 1600
    for minute, many in arrivals:
        came[minute] += many
        went[minute + stay] += many
    busy = [(minute, came[minute], went[minute]) for minute in range(1440) if came[minute] or went[minute]]
    level, levels = 0, []
    for minute in range(1440):
        level += came[minute] - went[minute]
        levels.append(level)
    found = depth(moves(*busy), DAY, 10)

    assert found.peak == max(levels)
    assert found.peaks == tuple(max(levels[hour * 60 : hour * 60 + 60]) for hour in range(24))
    assert found.left == levels[-1]
    assert found.minutes_above == sum(each > 10 for each in levels)
    assert found.oldest_s <= stay * 60


def test_a_window_that_begins_and_ends_within_minutes_counts_both_of_them() -> None:
    window = Window(START + timedelta(seconds=59), START + timedelta(minutes=3, seconds=1))
    found = depth(moves((0, 20, 0), (2, 0, 5), (3, 7, 1), (4, 100, 0)), grid(window, UTC), 10)

    assert (found.came, found.went, found.left, found.peak) == (27, 6, 21, 21)
    assert found.minutes_above == 3
    assert found.oldest_s == 181


def test_whose_leaving_nobody_saw_come_shortens_no_wait() -> None:
    found = depth(moves((1, 0, 4), (2, 3, 0), (9, 0, 1), (12, 0, 9), (20, 1, 0)), DAY, 10)

    assert found.oldest_s == timedelta(hours=24, minutes=-20).total_seconds()
    assert depth(moves((1, 0, 4), (2, 3, 0), (9, 0, 1), (12, 0, 9)), DAY, 10).oldest_s == 600


def test_a_minute_of_two_parts_is_their_sum() -> None:
    first, second = moves((1, 1, 0), (2, 3, 1)), moves((2, 4, 1), (3, 0, 5))

    assert together([first, second]) == moves((1, 1, 0), (2, 7, 2), (3, 0, 5))
    assert together([]) == moves()
