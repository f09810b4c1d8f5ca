"""Hours in which a route hears only what cannot wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

FORM = "HH:MM-HH:MM, e.g. 22:00-07:00"
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day to another, over midnight where the second is the earlier one."""

    start: time
    end: time

    def until(self, at: datetime, zone: tzinfo) -> datetime | None:
        """When they end, in UTC; None outside of them."""
        local = at.astimezone(zone)
        clock = local.time().replace(tzinfo=None)
        if self.start < self.end:
            inside, days = self.start <= clock < self.end, 0
        else:
            inside, days = clock >= self.start or clock < self.end, int(clock >= self.start)
        if not inside:
            return None
        return datetime.combine(local.date() + timedelta(days=days), self.end, zone).astimezone(UTC)


def parse(text: str) -> QuietHours | None:
    """Of `22:00-07:00`; None for anything else, and for two times that are the same."""
    match = _HOURS.fullmatch(text)
    if match is None:
        return None
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    return None if start == end else QuietHours(start, end)
