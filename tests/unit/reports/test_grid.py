"""Hours and days of a window, as clocks of a zone show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from lomi_ops.domain.grid import grid, stride_minutes, weekly
from lomi_ops.domain.window import Window, parse

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
VIENNA, KATHMANDU = ZoneInfo("Europe/Vienna"), ZoneInfo("Asia/Kathmandu")


def window(text: str) -> Window:
    return parse(text, NOW)


def test_the_day_of_25_hours_has_25_and_the_one_that_comes_twice_says_which() -> None:
    found = grid(window("2026-10-24T22:00..2026-10-25T23:00"), VIENNA)

    assert len(found.labels) == 25
    assert found.labels[1:5] == ("10-25 01:00", "10-25 02:00 +0200", "10-25 02:00 +0100", "10-25 03:00")
    assert len(set(found.labels)) == 25


def test_the_day_of_23_hours_leaves_out_the_one_that_no_clock_shows() -> None:
    found = grid(window("2026-03-28T23:00..2026-03-29T22:00"), VIENNA)

    assert found.labels == tuple(f"{hour:02}:00" for hour in range(24) if hour != 2)


@pytest.mark.parametrize(("text", "label"), [("2026-10-22..2026-10-29", "2026-10-25 (25 h)"),
                                             ("2026-03-26..2026-04-02", "2026-03-29 (23 h)")])  # fmt: skip
def test_days_are_the_zones_own_and_odd_ones_are_marked(text: str, label: str) -> None:
    found = grid(window(text), VIENNA)

    assert [each for each in found.labels if "h)" in each] == [label]
    lengths = found.lengths()
    assert lengths[found.labels.index(label)] == timedelta(hours=int(label[12:14]))
    assert sum(lengths, timedelta()) == found.window.length
    assert found.labels[0] == text[:10], "the window begins within that day"


@pytest.mark.parametrize("zone", [UTC, VIENNA, KATHMANDU, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")])
@pytest.mark.parametrize("text", ["yesterday", "today", "7d", "week", "month", "90m", "2026-10", "2026-10-25"])
def test_every_moment_lies_in_one_part_and_parts_fill_the_window(zone: tzinfo, text: str) -> None:
    asked = window(text)
    found = grid(asked, zone)
    step = asked.length / 997
    moments = [asked.start + step * number for number in range(997)]

    assert found.starts[0] == asked.start
    assert list(found.starts) == sorted(set(found.starts))
    assert sum(found.lengths(), timedelta()) == asked.length
    assert sum(found.summed((each, 1) for each in moments)) == 997
    for each in moments:
        part = found.place(each)
        assert found.starts[part] <= each < (*found.starts[1:], asked.end)[part]


@pytest.mark.parametrize(
    ("zone", "minutes"), [(UTC, 60), (VIENNA, 60), (ZoneInfo("Asia/Kolkata"), 30), (KATHMANDU, 15)]
)
def test_what_is_counted_together_lies_in_one_hour_of_the_zone(zone: tzinfo, minutes: int) -> None:
    asked = window("2026-10-22..2026-10-29")
    found = grid(asked, zone)

    assert stride_minutes(asked, zone) == minutes
    assert all((start - datetime(2000, 1, 1, tzinfo=UTC)) % timedelta(minutes=minutes) == timedelta()
               for start in found.starts)  # fmt: skip


def test_weekdays_and_hours_are_those_of_the_zone() -> None:
    sunday_night = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    assert weekly([(sunday_night, 3)], UTC)[6][23] == 3
    assert weekly([(sunday_night, 3)], VIENNA)[0][0] == 3


def test_a_window_of_one_moment_has_one_part() -> None:
    found = grid(Window(NOW, NOW + timedelta(microseconds=1)), UTC)

    assert found.labels == ("12:00",)
    assert found.place(NOW - timedelta(minutes=30)) == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("7d", "day (the first has 12 h, the last has 12 h)"),
        ("2026-11-16..2026-11-23", "day"),
        ("2026-11-16..2026-11-23T00:10", "day (the last has less than 1 h)"),
        ("2026-03-26..2026-04-02", "day"),
        ("today", "hour"),
    ],
)
def test_a_day_that_the_window_cuts_short_is_said_to_be_one(text: str, named: str) -> None:
    assert grid(window(text), UTC).named == named
