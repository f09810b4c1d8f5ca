"""Shifts and breaks, by times alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.care import PAUSE, Limits, Shift, reminder, shift

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AGES = st.lists(st.integers(0, 24 * 3600), max_size=60)


def ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


def test_a_shift_goes_back_to_the_last_pause() -> None:
    found = shift(ago(90, 80, 20, 10, 1), [], NOW)
    assert found == Shift(NOW - timedelta(minutes=20), 3, 20)


def test_decisions_keep_a_shift_going_and_count_as_no_reveal() -> None:
    assert shift(ago(70, 5), ago(45, 25), NOW) == Shift(NOW - timedelta(minutes=70), 2, 70)


def test_after_a_pause_no_shift_runs() -> None:
    assert shift(ago(31, 40), ago(35), NOW) == Shift(None)
    assert shift([], [], NOW) == Shift(None)


def test_half_an_hour_to_the_second_is_no_pause_yet() -> None:
    assert shift([NOW - PAUSE], [], NOW).since == NOW - PAUSE
    assert shift([NOW - PAUSE - timedelta(seconds=1)], [], NOW).since is None


@given(ages=AGES, others=AGES)
def test_within_a_shift_nobody_rested(ages: list[int], others: list[int]) -> None:
    reveals = [NOW - timedelta(seconds=age) for age in ages]
    decisions = [NOW - timedelta(seconds=age) for age in others]
    found = shift(reveals, decisions, NOW)
    if found.since is None:
        assert all(NOW - at > PAUSE for at in (*reveals, *decisions))
        return
    inside = sorted(at for at in (*reveals, *decisions) if at >= found.since)
    assert inside[0] == found.since
    assert all(later - earlier <= PAUSE for earlier, later in zip(inside, [*inside[1:], NOW], strict=True))
    before = [at for at in (*reveals, *decisions) if at < found.since]
    assert all(found.since - at > PAUSE for at in before)
    assert found.reveals == sum(at >= found.since for at in reveals)


@pytest.mark.parametrize(
    ("reveals", "minutes", "words"),
    [
        (99, 59, ""),
        (100, 10, "100 pictures"),
        (101, 10, ""),
        (150, 10, "150 pictures"),
        (3, 60, "60 minutes"),
        (3, 70, ""),
        (3, 91, "91 minutes"),
    ],
)
def test_a_break_is_proposed_and_not_nagged_about_at_every_picture(reveals: int, minutes: int, words: str) -> None:
    said = reminder(Shift(NOW, reveals, minutes), Limits(100, 60))
    assert said.startswith(words)
    assert bool(said) is bool(words)


def test_zero_means_never() -> None:
    assert reminder(Shift(NOW, 10_000, 10_000), Limits(0, 0)) == ""
