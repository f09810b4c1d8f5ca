"""The two ends of the queue, each on a direct connection: who pushes, and who hears the results."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.job import Priority
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL, Keys
from tests.chaos.uploads import Uploads

KEYS = Keys()
COPY_AFTER = (0, 1, 20, 400)
"""So many elements later the copy of one is pushed: while the first waits, runs, or is long done."""


def direct(url: str) -> redis.Redis:
    return queue_client(RedisSection.model_validate({"url": url, "timeout_s": 10}))


class _Thread(threading.Thread):
    """Repeats `step` until stopped; a Redis that is away is waited for."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.trouble: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set() and self.step():
                pass
        except BaseException as bug:
            self.trouble = bug

    def step(self) -> bool:
        """False when there is nothing left to do."""
        raise NotImplementedError

    def stop(self) -> None:
        self.stopping.set()
        self.join(15)
        if self.trouble is not None:
            raise self.trouble


class Producer(_Thread):
    """Pushes as the backend does, high priority by `submit`. What was not acknowledged is pushed again."""

    def __init__(self, url: str, uploads: Uploads, allowed: Callable[[], int]) -> None:
        """`allowed`: how many elements may have been pushed by now."""
        super().__init__("producer")
        self.counts: Counter[str] = Counter()
        self._client = direct(url)
        self._queue = JobQueue(self._client)
        self._pushes = sorted(
            (
                (number + copy * COPY_AFTER[number % len(COPY_AFTER)], element)
                for number, element in enumerate(uploads.elements)
                for copy in range(element.copies)
            ),
            key=lambda push: push[0],
        )
        self._last = len(uploads.elements) - 1
        self._allowed = allowed
        self._next = 0

    @property
    def done(self) -> bool:
        return self._next == len(self._pushes)

    def resting(self, limit: int) -> bool:
        """Whether all is pushed that comes before element `limit`."""
        return self.done or self._pushes[self._next][0] >= limit

    def step(self) -> bool:
        if self.done:
            return False
        number, element = self._pushes[self._next]
        if min(number, self._last) >= self._allowed():
            self.stopping.wait(0.01)
            return True
        try:
            if element.high:
                self._queue.submit(element.raw, Priority.HIGH)
            else:
                self._client.lpush(KEYS.ready, element.raw)
        except (redis.RedisError, RedisUnavailable):
            self.counts["unanswered pushes, repeated"] += 1
            self.stopping.wait(0.05)
        else:
            self.counts["submitted high" if element.high else "pushed"] += 1
            self._next += 1
        return True


@dataclass(frozen=True, slots=True)
class Heard:
    """One message or one entry of the stream."""

    job_id: str
    payload: bytes
    at: float
    """Monotonic seconds."""

    @property
    def media(self) -> list[str]:
        return [result["media_id"] for result in json.loads(self.payload)["results"]] if self.payload else []


class Subscriber(_Thread):
    """The backend's ear. What is published while it reconnects waits for the relay; what a dying server had in its
    buffers is gone, as it is for the backend."""

    def __init__(self, url: str) -> None:
        super().__init__("subscriber")
        self.heard: list[Heard] = []
        self.reconnects = -1
        self._url = url
        self._away_until = 0.0

    def leave(self, seconds: float) -> None:
        """Unsubscribes in order, and comes back later."""
        self._away_until = time.monotonic() + seconds

    def step(self) -> bool:
        client = direct(self._url)
        pubsub: Any = client.pubsub()  # type: ignore[no-untyped-call]
        try:
            pubsub.subscribe(RESULTS_CHANNEL)
            self.reconnects += 1
            while not self.stopping.is_set() and not self._away:
                self._listen(pubsub)
            pubsub.unsubscribe()
            while self._listen(pubsub) != "unsubscribe":
                pass  # what was sent before the server noted our leaving still comes
        except redis.RedisError:
            self.stopping.wait(0.02)
        finally:
            pubsub.close()
            client.close()
        while self._away and not self.stopping.is_set():
            self.stopping.wait(0.02)
        return True

    @property
    def _away(self) -> bool:
        return time.monotonic() < self._away_until

    def _listen(self, pubsub: Any) -> str:
        message = pubsub.get_message(timeout=0.2)
        if message and message["type"] == "message":
            data = message["data"]
            self.heard.append(Heard(json.loads(data)["job_id"], data, time.monotonic()))
        return str(message["type"]) if message else ""


class Tail(_Thread):
    """Reads the whole stream of results as it grows: the exact record of who finished what, how often."""

    def __init__(self, url: str) -> None:
        super().__init__("tail")
        self.entries: list[Heard] = []
        self.jobs: set[str] = set()
        self.last = b"0-0"
        self.forgotten: list[str] = []
        """Where a server came back without entries that it had shown."""
        self._client = direct(url)
        self._shaken = False

    def step(self) -> bool:
        try:
            if self._shaken:
                self._remember()
            if not self.read():
                self.stopping.wait(0.05)
        except redis.RedisError:
            self._shaken = True
            self.stopping.wait(0.05)
        return True

    def _remember(self) -> None:
        newest: Any = self._client.xrevrange(KEYS.results, count=1)
        last = newest[0][0] if newest else b"0-0"
        if _order(last) < _order(self.last):
            self.forgotten.append(f"after {last.decode()}, had shown {self.last.decode()}")
            self.last = last
        self._shaken = False

    def read(self) -> int:
        found: Any = self._client.xread({KEYS.results: self.last}, count=1000)
        entries = found[0][1] if found else []
        for entry, fields in entries:
            self.last = entry
            self.jobs.add(fields[b"job_id"].decode())
            self.entries.append(Heard(fields[b"job_id"].decode(), fields[b"payload"], time.monotonic()))
        return len(entries)


def _order(entry: bytes) -> tuple[int, ...]:
    return tuple(int(part) for part in entry.split(b"-"))


@contextmanager
def running(*threads: _Thread) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stopping.set()
        for thread in threads:
            thread.join(15)
