"""What several logs hold, as one: by time, of what is wanted, and never all in memory."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lomi_ops.clients.containers.lines import LogLine
from lomi_ops.domain.log_line import Listener, Said, Wanted
from lomi_ops.errors import DockerUnavailable
from lomi_ops.ops.workers.sources import Source

_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Tap:
    """One log, and how far it has been read: whoever goes on with it hears nothing twice and misses nothing."""

    source: Source
    wanted: Wanted
    since: datetime | None = None
    """Nothing before it is read."""
    failure: DockerUnavailable | None = None
    """Why it could not be read to its end."""
    _listener: Listener = field(init=False)
    _last: datetime | None = None
    _at_last: int = 0
    """Lines of that very moment."""

    def __post_init__(self) -> None:
        self._listener = Listener(self.source.name)

    def read(self, tail: int | None) -> Iterator[Said]:
        """What is in it now; with `tail`, only so many of the wanted ones, the latest. What goes wrong is kept."""
        if tail == 0:
            return
        whole = tail if self.wanted.everything else None
        found = self._told(self.source.read(whole, self.since))
        yield from self._safely(found if tail is None else _last(found, tail))

    def follow(self) -> Iterator[Said]:
        """What comes behind what has been read. Raises DockerUnavailable."""
        return self._told(self._unread(self.source.follow(self._last or self.since)))

    def _unread(self, lines: Iterator[LogLine]) -> Iterator[LogLine]:
        """The engine is asked from the last moment on, and tells its lines again."""
        last, known = self._last, self._at_last
        for line in lines:
            if known and last is not None and line.at is not None and line.at <= last:
                known -= line.at == last
                continue
            known = 0
            yield line

    def _told(self, lines: Iterator[LogLine]) -> Iterator[Said]:
        for line in lines:
            at = line.at or self._last
            if at != self._last:
                self._last, self._at_last = at, 0
            self._at_last += 1
            said = self._listener.heard(at, line.text)
            if self.wanted.takes(said):
                yield said

    def _safely(self, lines: Iterator[Said]) -> Iterator[Said]:
        try:
            yield from lines
        except DockerUnavailable as failure:
            self.failure = failure


def _last(lines: Iterator[Said], number: int) -> Iterator[Said]:
    """The last ones; also where reading breaks off."""
    kept: deque[Said] = deque(maxlen=number)
    failure = None
    try:
        kept.extend(lines)
    except DockerUnavailable as found:
        failure = found
    yield from kept
    if failure is not None:
        raise failure


def merged(taps: Sequence[Tap], tail: int | None) -> Iterator[Said]:
    """What is in all of them now, by time. Raises nothing for weather: each tap keeps its own failure."""
    return heapq.merge(*(tap.read(tail) for tap in taps), key=lambda said: said.at or _EARLIEST)
