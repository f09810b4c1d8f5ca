"""Care for people who look at pictures all day: how much it was, and when a break is due.

Only for the person's own eyes. No number here is compared with anybody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PAUSE = timedelta(minutes=30)
"""Whoever did nothing for longer begins a new shift."""
A_WHILE = 3
"""Minutes for which it is said that there was no pause: nobody looks at a picture in just one of them."""
LONGEST = timedelta(hours=24)
"""How far back it is worth looking."""


@dataclass(frozen=True, slots=True)
class Limits:
    """After how much a break is due; 0 for never."""

    reveals: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Shift:
    """What a person has done since the last pause."""

    since: datetime | None
    """None where no shift runs."""
    reveals: int = 0
    """Pictures that were made visible."""
    minutes: int = 0
    """Since the first thing that was done."""


def shift(reveals: Sequence[datetime], decisions: Sequence[datetime], now: datetime) -> Shift:
    """The shift that runs at `now`; the times need no order."""
    done = sorted({at for at in (*reveals, *decisions) if at <= now})
    since = now
    for at in reversed(done):
        if since - at > PAUSE:
            break
        since = at
    if not done or (since == now and now not in done):
        return Shift(None)
    seen = sum(since <= at <= now for at in reveals)
    return Shift(since, seen, int((now - since).total_seconds() // 60))


def reminder(found: Shift, limits: Limits) -> str:
    """One sentence where a break is due, and again at every further half of the limit; else nothing."""
    if _due(found.reveals, limits.reveals, 1):
        return f"{found.reveals} pictures revealed in this shift: time for a break"
    if _due(found.minutes, limits.minutes, A_WHILE):
        return f"{found.minutes} minutes without a pause: time for a break"
    return ""


def _due(number: int, limit: int, for_: int) -> bool:
    return 0 < limit <= number and (number - limit) % max(1, limit // 2) < for_
