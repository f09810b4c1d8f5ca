"""The time of waits that have a limit, so that no slow machine ends one before the test is where it wants to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Patience:
    """A clock that goes as `base` does, until what the test waits for has come about. From then on every look at it is
    a long time after the one before."""

    base: Callable[[], float] = lambda: 0.0
    until: Callable[[], bool] = lambda: False
    _over: bool = False
    _ahead_s: float = 0.0

    def clock(self) -> float:
        self._over = self._over or self.until()
        if self._over:
            self._ahead_s += 10_000
        return self.base() + self._ahead_s
