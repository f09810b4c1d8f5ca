"""Following several logs at once, whoever comes, goes or restarts: the engine included.

Each log has a thread that reads it, and one more thread watches for new containers. None of them is waited for: they
end with the process.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from lomi_ops.domain.log_line import Said
from lomi_ops.errors import DockerUnavailable, LomiError
from lomi_ops.ops.workers.logs import Tap
from lomi_ops.ops.workers.sources import Source

HELD = 2000
"""Lines that wait for the reader; a worker that writes more waits, too."""
GATHER_S = 0.1
"""So long lines are gathered, to be put in order."""
RETRY_S = 1.0
"""Between two tries to reach an engine."""
TRIES = 3
"""A log that breaks off so often in a row cannot be read."""
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a log, for a person."""

    text: str
    trouble: bool = False


Heard = Said | Note


class Follower:
    """Follows until nobody asks any more."""

    def __init__(
        self,
        taps: Sequence[Tap],
        find: Callable[[], Sequence[Source]],
        happenings: Callable[[], Iterator[None]],
        open_tap: Callable[[Source], Tap],
    ) -> None:
        """`taps` have been read already. `find` gives the logs that there are now, `happenings` something whenever that
        may have changed; both may raise DockerUnavailable."""
        self._taps = {tap.source.key: tap for tap in taps}
        self._find, self._happenings, self._open_tap = find, happenings, open_tap
        self._heard: queue.Queue[Heard] = queue.Queue(HELD)
        self._lock = threading.Lock()
        self._reading: set[str] = set()
        self._over = threading.Event()

    def heard(self) -> Iterator[list[Heard]]:
        """What came, in the order of time, a few at once; blocks until there is something."""
        self._start(self._watch)
        while True:
            batch, until = [self._heard.get()], time.monotonic() + GATHER_S
            with suppress(queue.Empty):
                while len(batch) < HELD and (left := until - time.monotonic()) > 0:
                    batch.append(self._heard.get(timeout=left))
            yield _ordered(batch)

    def close(self) -> None:
        """Its threads end when they next look up; a process that ends need not wait for them."""
        self._over.set()

    def _start(self, what: Callable[[], None]) -> None:
        threading.Thread(target=what, name="lomi-follow", daemon=True).start()

    # --- who is there -------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        lost = False
        while not self._over.is_set():
            try:
                self._look()
                if lost:
                    self._heard.put(Note("the Docker Engine answers again"))
                lost = False
                for _ in self._happenings():
                    self._look()
            except LomiError as failure:
                if not lost:
                    self._heard.put(Note(f"{failure.message}; waiting for it", trouble=True))
                lost = True
                self._over.wait(RETRY_S)

    def _look(self) -> None:
        for source in self._find():
            if source.up:
                self._take(source)

    def _take(self, source: Source) -> None:
        with self._lock:
            if source.key in self._reading:
                return
            self._reading.add(source.key)
        tap = self._taps.get(source.key)
        if tap is None:
            tap = self._taps[source.key] = self._open_tap(source)
            self._heard.put(Note(f"{source.name} has joined"))
        tap.source = source
        self._start(partial(self._read, tap))

    def _left(self, source: Source) -> None:
        with self._lock:
            self._reading.discard(source.key)

    def _back(self, source: Source) -> bool:
        """Whether it is ours again: the watcher may have been first."""
        with self._lock:
            if source.key in self._reading:
                return False
            self._reading.add(source.key)
            return True

    # --- what they say ------------------------------------------------------------------------------------------------

    def _read(self, tap: Tap) -> None:
        """Until its writer has ended, or the engine has gone: then the watcher finds it again."""
        broken = 0
        while not self._over.is_set():
            failure, began = None, time.monotonic()
            try:
                for said in tap.follow():
                    broken = 0
                    self._heard.put(said)
            except DockerUnavailable as found:
                failure, broken = found, broken + 1
            # Before it is looked at: a start that comes later is the watcher's.
            self._left(tap.source)
            try:
                again = tap.source.again()
            except DockerUnavailable:
                return
            if again is None or not again.up:
                self._heard.put(Note(f"{tap.source.name} has ended: {again.ended() if again else 'it was removed'}"))
                return
            if broken >= TRIES and failure is not None:
                self._heard.put(Note(f"{tap.source.name}: {failure.message}", trouble=True))
                return
            if broken or time.monotonic() - began < RETRY_S:
                self._over.wait(RETRY_S)
            if not self._back(again):
                return
            tap.source = again


def _ordered(batch: list[Heard]) -> list[Heard]:
    """Lines by time; notes stay where they came."""
    found: list[Heard] = []
    lines: list[Said] = []
    for each in batch:
        if isinstance(each, Said):
            lines.append(each)
        else:
            found += _by_time(lines)
            found.append(each)
            lines = []
    return [*found, *_by_time(lines)]


def _by_time(lines: list[Said]) -> list[Said]:
    return sorted(lines, key=lambda said: said.at or _EARLIEST)
