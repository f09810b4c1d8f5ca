"""The last minutes of every number, second by second and minute by minute. Pure."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from lomi_ops.domain.frame import Frame
from lomi_ops.domain.measure import Labels, Measured

RECENT = 120
"""Looks that are kept one by one."""
MINUTES = 60
SPAN = 20
"""Looks that a worker's finished jobs are counted over."""

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


class Lines:
    """The last looks at what has a name and no number of its own among the measures: rules, and workers."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float | None]] = {}
        self._looks = 0

    def add(self, frame: Frame) -> None:
        """One more look."""
        now = {("alert", each.rule): each.value for each in frame.alerts}
        now |= {("worker", each.name): each.done for each in frame.workers or ()}
        before = min(self._looks, RECENT)
        for key in now.keys() - self._seen.keys():
            self._seen[key] = deque([None] * before, maxlen=RECENT)
        for key, line in self._seen.items():
            line.append(now.get(key))
        self._seen = {key: line for key, line in self._seen.items() if any(each is not None for each in line)}
        self._looks += 1

    def values(self, rule: str) -> tuple[float | None, ...]:
        """What a rule judges; the oldest first."""
        return tuple(self._seen.get(("alert", rule), ()))

    def finished(self, worker: str) -> tuple[float | None, ...]:
        """Jobs that a worker has finished within the last looks before each one. Workers tell of it now and then only,
        so that from look to look there is mostly nothing."""
        line = tuple(self._seen.get(("worker", worker), ()))
        return tuple(
            now - then if now is not None and then is not None and now >= then else None
            for then, now in zip(line, line[SPAN:], strict=False)
        )


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
