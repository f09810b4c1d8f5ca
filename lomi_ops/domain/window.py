"""A window is half-open, [start, end), in UTC: two that touch never count a photo twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from lomi_ops.errors import UsageError

_SPAN = re.compile(r"([1-9]\d{0,4})([mhdw])")
_MONTH = re.compile(r"\d{4}-\d{2}")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""No photo lies outside; the window before one that lies inside can still be told."""
HINT = "today, yesterday, week, month, 24h, 7d, 2026-11, 2026-11-19 or 2026-11-01..2026-11-08 (the end is excluded)"


@dataclass(frozen=True, slots=True)
class Window:
    """From `start`, which belongs to it, to `end`, which does not."""

    start: datetime
    """Aware, UTC."""
    end: datetime
    """Aware, UTC; later than `start`."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise UsageError("a window needs times with a zone")
        if self.start >= self.end:
            raise UsageError(f"the window ends at {self.end:%Y-%m-%d %H:%M} before it begins", hint=HINT)

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def previous(self) -> Window:
        """The window of the same length just before this one."""
        return Window(self.start - self.length, self.start)

    @property
    def halves(self) -> tuple[Window, ...]:
        """Two windows that touch; itself where it is too short for that."""
        middle = self.start + self.length / 2
        if not self.start < middle < self.end:
            return (self,)
        return Window(self.start, middle), Window(middle, self.end)

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{_stamp(self.start)}..{_stamp(self.end)}"


def parse(text: str, now: datetime) -> Window:
    """The window that a person means by `text`.

    `today`, `week` (since Monday) and `month` begin at midnight UTC and end now; `7d`, `24h`, `90m`, `2w` end now;
    `yesterday`, a date and a month such as `2026-11` are whole. `A..B` takes two dates or ISO times (UTC where they
    name no zone) and excludes B; without B it ends now. Raises UsageError for anything else, and for a window that
    is empty or leaves the years 1970 to 2199.
    """
    now = now.astimezone(UTC)
    wanted = text.strip().lower()
    try:
        window = _named(wanted, now) or _span(wanted, now) or _range(text.strip(), now) or _calendar(wanted)
    except (ValueError, OverflowError):
        window = None
    if window is None:
        raise UsageError(f"{text!r} is not a window", hint=HINT)
    if window.start < _FIRST or window.end > _LAST:
        raise UsageError(f"{text!r} leaves the years 1970 to 2199", hint=HINT)
    return window


def moment(text: str, now: datetime) -> datetime:
    """A point in time: `7d`, `24h` ago, or a date or ISO time (UTC where it names no zone). Raises UsageError."""
    wanted = text.strip()
    try:
        window = _span(wanted.lower(), now.astimezone(UTC))
        return window.start if window else _moment(wanted)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no point in time", hint="7d, 24h, 2026-11-19 or 2026-11-19T08:00") from None


def _named(text: str, now: datetime) -> Window | None:
    midnight = datetime.combine(now.date(), time(), UTC)
    match text:
        case "today":
            return _until(midnight, now)
        case "yesterday":
            return Window(midnight - timedelta(days=1), midnight)
        case "week":
            return _until(midnight - timedelta(days=now.weekday()), now)
        case "month":
            return _until(midnight.replace(day=1), now)
    return None


def _until(start: datetime, now: datetime) -> Window:
    """At the very stroke of midnight the day has begun and holds nothing yet; a window of one tick says that."""
    return Window(start, max(now, start + timedelta(microseconds=1)))


def _span(text: str, now: datetime) -> Window | None:
    match = _SPAN.fullmatch(text)
    return Window(now - int(match[1]) * _UNITS[match[2]], now) if match else None


def _range(text: str, now: datetime) -> Window | None:
    if ".." not in text:
        return None
    start, _, end = text.partition("..")
    return Window(_moment(start), _moment(end) if end.strip() else now)


def _calendar(text: str) -> Window:
    if _MONTH.fullmatch(text):
        first = date.fromisoformat(f"{text}-01")
        following = (first + timedelta(days=32)).replace(day=1)
        return Window(_midnight(first), _midnight(following))
    day = date.fromisoformat(text)
    return Window(_midnight(day), _midnight(day + timedelta(days=1)))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _stamp(moment: datetime) -> str:
    """As `parse` reads it back."""
    return moment.date().isoformat() if moment.time() == time() else moment.isoformat()
