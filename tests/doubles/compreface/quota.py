"""A limit on calls, as a gateway keeps one: a token bucket that refuses with 429 and Retry-After."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Quota:
    """`per_s` calls per second, `burst` of them at once. Thread-safe; `clock` is monotonic seconds."""

    per_s: float
    burst: float
    retry_after: str = "1"
    clock: Callable[[], float] = time.monotonic
    served: int = 0
    refused: int = 0
    _tokens: float = field(init=False)
    _at: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.burst, self.clock()

    def take(self) -> bool:
        with self._lock:
            now = self.clock()
            self._tokens = min(self.burst, self._tokens + self.per_s * (now - self._at))
            self._at = now
            if self._tokens < 1:
                self.refused += 1
                return False
            self._tokens -= 1
            self.served += 1
            return True
