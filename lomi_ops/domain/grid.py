"""Hours and days of a window as people of a zone name them: a day of 23 or 25 hours is one.

The window stays as it is, in UTC; only its parts are cut where that zone's clocks say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from lomi_ops.domain.window import Window

_HOURS_UPTO = timedelta(days=3)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SHORTEST = 23
"""Hours of a whole day."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Grid:
    """A window in parts."""

    window: Window
    starts: tuple[datetime, ...]
    """UTC; the first is the window's."""
    labels: tuple[str, ...]
    hourly: bool
    """Else the parts are days."""

    def place(self, moment: datetime) -> int:
        """The part that a moment lies in; one before the window lies in the first."""
        return max(0, bisect_right(self.starts, moment) - 1)

    def summed(self, parts: Iterable[tuple[datetime, float]]) -> tuple[float, ...]:
        """What lies in each part. A part is looked for only where a moment does not lie in that of the one before."""
        sums: list[float] = [0] * len(self.starts)
        ends = (*self.starts[1:], datetime.max.replace(tzinfo=UTC))
        place = 0
        for moment, amount in parts:
            if not self.starts[place] <= moment < ends[place]:
                place = self.place(moment)
            sums[place] += amount
        return tuple(sums)

    @property
    def named(self) -> str:
        """Its parts for a title. A day that the window cuts short holds less: that is no fall."""
        if self.hourly:
            return "hour"
        lengths = [round(length / _HOUR) for length in self.lengths()]
        places = {"first": lengths[0], "last": lengths[-1]} if len(lengths) > 1 else {}
        short = [f"the {place} has {hours or 'less than 1'} h" for place, hours in places.items() if hours < _SHORTEST]
        return f"day ({', '.join(short)})" if short else "day"

    def lengths(self) -> tuple[timedelta, ...]:
        ends = (*self.starts[1:], self.window.end)
        return tuple(end - start for start, end in zip(self.starts, ends, strict=True))


def grid(window: Window, zone: tzinfo, *, hourly: bool | None = None) -> Grid:
    """In hours up to three days, else in days."""
    hourly = window.length <= _HOURS_UPTO if hourly is None else hourly
    cuts = _hours(window, zone) if hourly else _days(window, zone)
    starts = (window.start, *(cut for cut in cuts if window.start < cut < window.end))
    labels = _hour_labels(starts, window, zone) if hourly else _day_labels(starts, window, zone)
    return Grid(window, starts, labels, hourly)


def stride_minutes(window: Window, zone: tzinfo) -> int:
    """Parts of an hour that may be counted together before they are put into the zone's hours."""
    ends = (window.start.astimezone(zone), window.end.astimezone(zone))
    offsets = {round((each.utcoffset() or timedelta()).total_seconds() / 60) % 60 for each in ends}
    if offsets == {0}:
        return 60
    return 30 if offsets <= {0, 30} else 15


def weekly(parts: Iterable[tuple[datetime, float]], zone: tzinfo) -> list[list[float]]:
    """Sums by weekday, Monday first, and hour of the day, as clocks of the zone show them."""
    found: list[list[float]] = [[0] * 24 for _ in WEEKDAYS]
    for moment, amount in parts:
        local = moment.astimezone(zone)
        found[local.weekday()][local.hour] += amount
    return found


def _hours(window: Window, zone: tzinfo) -> Iterable[datetime]:
    first = window.start.astimezone(zone)
    begun = timedelta(minutes=first.minute, seconds=first.second, microseconds=first.microsecond)
    at = window.start - begun
    while at < window.end:
        yield at
        at += _HOUR


def _days(window: Window, zone: tzinfo) -> Iterable[datetime]:
    day = window.start.astimezone(zone).date()
    while (at := datetime.combine(day, time(), zone).astimezone(UTC)) < window.end:
        yield at
        day += _DAY


def _hour_labels(starts: tuple[datetime, ...], window: Window, zone: tzinfo) -> tuple[str, ...]:
    local = [start.astimezone(zone) for start in starts]
    form = "%H:%M" if window.length <= _DAY else "%m-%d %H:%M"
    names = Counter(each.strftime(form) for each in local)
    # On the day of 25 hours one hour comes twice: its offset tells which.
    return tuple(each.strftime(form if names[each.strftime(form)] == 1 else f"{form} %z") for each in local)


def _day_labels(starts: tuple[datetime, ...], window: Window, zone: tzinfo) -> tuple[str, ...]:
    ends = (*starts[1:], window.end)
    return tuple(_day_label(start, end, zone) for start, end in zip(starts, ends, strict=True))


def _day_label(start: datetime, end: datetime, zone: tzinfo) -> str:
    day = start.astimezone(zone).date()
    hours = round((end - start) / _HOUR)
    midnights = [datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + _DAY)]
    odd = [start, end] == midnights and hours != 24
    return f"{day.isoformat()} ({hours} h)" if odd else day.isoformat()
