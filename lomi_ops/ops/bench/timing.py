"""Doing one thing again and again within bounds, and how long each took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lomi_ops.domain.statistics import percentile


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a part of a run may take; whichever comes first."""

    seconds: float
    most: int
    """So often."""
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Timed:
    """What was done."""

    times_s: tuple[float, ...]
    elapsed_s: float

    def at(self, share: float) -> float | None:
        """The time that this share (0..1) took at most; None where nothing was done."""
        return percentile([(took, 1) for took in self.times_s], share)

    @property
    def per_second(self) -> float | None:
        return len(self.times_s) / self.elapsed_s if self.times_s and self.elapsed_s > 0 else None


@dataclass(slots=True)
class _Turns:
    """Numbers from 0, each given once, until the bounds are reached or something goes wrong."""

    bounds: Bounds
    end: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    given: int = 0
    stopped: bool = False
    failure: BaseException | None = None

    def next(self) -> int | None:
        with self.lock:
            over = self.stopped or self.given >= self.bounds.most or (self.given and time.perf_counter() >= self.end)
            if over:
                return None
            self.given += 1
            return self.given - 1

    def fail(self, failure: BaseException) -> None:
        with self.lock:
            self.stopped = True
            self.failure = self.failure or failure


def repeat(call: Callable[[int], object], bounds: Bounds, *, done: Callable[[], None] = lambda: None) -> Timed:
    """Calls it with 0, 1, … in `at_once` threads, at least once; `done` hears of each.

    Raises the first thing that a call raised, after the others have come back. An interrupt waits for them, too: what a
    call has begun is to be cleaned up by whoever asked.
    """
    began = time.perf_counter()
    turns, times = _Turns(bounds, began + bounds.seconds), list[float]()

    def work() -> None:
        while (number := turns.next()) is not None:
            start = time.perf_counter()
            try:
                call(number)
            except BaseException as failure:  # noqa: BLE001 - raised by whoever waits
                turns.fail(failure)
                return
            times.append(time.perf_counter() - start)
            done()

    if bounds.at_once == 1:
        work()
    else:
        _together(work, turns, bounds.at_once)
    if turns.failure is not None:
        raise turns.failure
    return Timed(tuple(times), time.perf_counter() - began)


def _together(work: Callable[[], None], turns: _Turns, number: int) -> None:
    threads = [threading.Thread(target=work, name="lomi-bench", daemon=True) for _ in range(number)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        turns.stopped = True
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        raise
