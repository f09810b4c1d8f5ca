"""What people type for a window, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.window import Window, parse
from lomi_ops.errors import UsageError

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)  # a Friday


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "2026-11-20", "2026-11-20T14:30"),
        ("yesterday", "2026-11-19", "2026-11-20"),
        ("week", "2026-11-16", "2026-11-20T14:30"),
        ("month", "2026-11-01", "2026-11-20T14:30"),
        ("7d", "2026-11-13T14:30", "2026-11-20T14:30"),
        ("24h", "2026-11-19T14:30", "2026-11-20T14:30"),
        ("90m", "2026-11-20T13:00", "2026-11-20T14:30"),
        ("2w", "2026-11-06T14:30", "2026-11-20T14:30"),
        ("2026-11-19", "2026-11-19", "2026-11-20"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        (" Today ", "2026-11-20", "2026-11-20T14:30"),
        ("2026-11-01..2026-11-08", "2026-11-01", "2026-11-08"),
        ("2026-11-19T08:00..2026-11-19T20:00+03:00", "2026-11-19T08:00", "2026-11-19T17:00"),
        ("2026-11-01T00:00Z..", "2026-11-01", "2026-11-20T14:30"),
    ],
)
def test_a_window_is_what_people_mean(text: str, start: str, end: str) -> None:
    assert parse(text, NOW) == Window(utc(start), utc(end))


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "0d", "-1d", "7", "7y", "d7", "2026-13", "2026-02-30", "2026-11-08..2026-11-01", "..",
        "..2026-11-01", "a..b", "2026-11-01..2026-11-01", "999999w", "9999-12", "2026-11-21..", "20-11-2026",
        "99999w", "2026-01-01..9999-12-31", "0001-01-01..2026-01-01", "1969-12-31", "2200-01-01",
    ],
)  # fmt: skip
def test_what_is_no_window_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, NOW)
    assert "yesterday" in caught.value.hint


def test_the_day_is_counted_in_utc_wherever_the_clock_stands() -> None:
    in_addis = datetime(2026, 11, 21, 1, 0, tzinfo=timezone(timedelta(hours=3)))
    assert parse("today", in_addis).start == utc("2026-11-20")


@pytest.mark.parametrize("text", ["today", "week", "month"])
def test_at_the_first_moment_of_a_period_its_window_is_not_an_error(text: str) -> None:
    window = parse(text, utc("2026-06-01"))
    assert window.start == utc("2026-06-01")
    assert utc("2026-06-01") in window


def test_times_without_a_zone_make_no_window() -> None:
    with pytest.raises(UsageError):
        Window(datetime(2026, 1, 1), NOW)


moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_a_window_holds_its_start_and_not_its_end_and_touches_the_one_before(
    start: datetime, length: timedelta
) -> None:
    window = Window(start, start + length)
    assert window.start in window
    assert window.end not in window
    assert window.previous.end == window.start
    assert window.previous.length == window.length


@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_a_window_reads_back_as_it_is_written(start: datetime, length: timedelta) -> None:
    window = Window(start, start + length)
    assert parse(str(window), NOW) == window


@given(st.sampled_from(["today", "yesterday", "week", "month", "7d", "1h"]), moments)
def test_a_named_window_never_reaches_beyond_now(text: str, now: datetime) -> None:
    assert parse(text, now).end <= now + timedelta(microseconds=1)


@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_halves_touch_and_are_the_whole(start: datetime, length: timedelta) -> None:
    window = Window(start, start + length)
    halves = window.halves

    assert (halves[0].start, halves[-1].end) == (window.start, window.end)
    assert [each.start for each in halves[1:]] == [each.end for each in halves[:-1]]
    assert len(halves) == (1 if length <= timedelta(microseconds=1) else 2)
