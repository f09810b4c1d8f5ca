"""A queue on the real server whose clock stands still until it is told: the scripts read a key instead of the time.

Hours pass in milliseconds, and the same steps give the same numbers every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from lomi_ops.queue import scripts
from tests.integration.queue.conftest import Bench

CLOCK = "test:clock"
BEGIN_MS = 1_800_000_000_000
ASKS, READS = "redis.call('TIME')", f"redis.call('HMGET', '{CLOCK}', 's', 'us')"


class Stepped(Bench):
    """`now_ms` is the server's time."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.now_ms = BEGIN_MS
        self.step(0)

    def step(self, seconds: float) -> None:
        """Time passes."""
        self.at(self.now_ms + round(seconds * 1000))

    def at(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.client.hset(CLOCK, mapping={"s": now_ms // 1000, "us": now_ms % 1000 * 1000})


@contextmanager
def stepped(url: str) -> Iterator[Stepped]:
    """The scripts of all queues in this process read the clock of this one."""
    original = scripts.source

    @cache
    def source(name: str) -> str:
        text = original(name)
        assert text.count(ASKS) == 1
        return text.replace(ASKS, READS)

    @cache
    def digest(name: str) -> str:
        return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scripts, "source", source)
        patch.setattr(scripts, "digest", digest)
        bench = Stepped(url)
        yield bench
        bench.close()
