"""The last minutes of every number, second by second and minute by minute. Pure."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from lomi_ops.domain.measure import Labels, Measured

RECENT = 120
"""Looks that are kept one by one."""
MINUTES = 60

Key = tuple[str, Labels]
Peaks = Mapping[Key, float]
"""The highest value of each number within one minute."""


class Traces:
    """What a spark line is drawn from. Numbers that a look did not know are gaps."""

    def __init__(self) -> None:
        self._recent: deque[Measured] = deque(maxlen=RECENT)
        self._minutes: deque[tuple[int, dict[Key, float]]] = deque(maxlen=MINUTES)

    def add(self, measured: Measured) -> None:
        """One more look; time only goes on."""
        self._recent.append(measured)
        self.add_peaks(minute_of(measured.at), measured.values)

    def add_peaks(self, minute: int, peaks: Peaks) -> None:
        """What is known of a minute; several of the same are put together."""
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, {}))
        last = self._minutes[-1][1]
        for key, value in peaks.items():
            if value > last.get(key, float("-inf")):
                last[key] = value

    def recent(self, key: Key, looks: int = RECENT) -> list[float | None]:
        """The oldest first."""
        return [each.values.get(key) for each in list(self._recent)[-looks:]]

    def rate(self, key: Key, looks: int = RECENT) -> list[float | None]:
        """Of a counter: per second, from look to look; None where it began again."""
        found: list[float | None] = []
        each = list(self._recent)[-looks - 1 :]
        for before, now in itertools.pairwise(each):
            old, new, passed_s = before.values.get(key), now.values.get(key), (now.at - before.at).total_seconds()
            known = old is not None and new is not None and new >= old and passed_s > 0
            found.append((new - old) / passed_s if known and old is not None and new is not None else None)
        return found

    def minutes(self, key: Key, until: datetime | None = None, minutes: int = MINUTES) -> list[float | None]:
        """The highest of each minute up to `until`, by default the last one known; the oldest first."""
        if not self._minutes:
            return []
        end = minute_of(until) if until else self._minutes[-1][0]
        known = dict(self._minutes)
        return [known.get(minute, {}).get(key) for minute in range(end - minutes + 1, end + 1)]


def minute_of(at: datetime) -> int:
    """Minutes since 1970."""
    return int(at.timestamp() // 60)


def peaks_of(measured: list[Measured]) -> dict[Key, float]:
    """The highest value of each number."""
    found: dict[Key, float] = {}
    for each in measured:
        for key, value in each.values.items():
            if value > found.get(key, float("-inf")):
                found[key] = value
    return found
