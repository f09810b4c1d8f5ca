"""How idle slots wait for work."""

from __future__ import annotations

import threading

import redis

from lomi_ops.queue.jobs import JobQueue


class Doorbell:
    """One blocking wait per process, however many slots: the others nap until the one at the door hears something."""

    def __init__(self, queue: JobQueue, client: redis.Redis) -> None:
        self._queue = queue
        self._client = client
        self._changed = threading.Condition()
        self._at_door = False

    def ring(self, timeout_s: float) -> None:
        """Returns when the list has an element, or after about `timeout_s`. Raises RedisUnavailable."""
        if timeout_s <= 0:
            return
        with self._changed:
            if self._at_door:
                # Under one lock with the question: the bell cannot have rung in between.
                self._changed.wait(timeout_s)
                return
            self._at_door = True
        try:
            self._queue.wait(self._client, timeout_s)
        finally:
            with self._changed:
                self._at_door = False
                self._changed.notify_all()
