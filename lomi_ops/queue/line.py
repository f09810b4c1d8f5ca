"""The quick way for short commands."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any

import redis

from lomi_ops.queue import odd_answers

FRESH_S = 0.05
"""A connection that was used so recently is taken for alive: no server restarts in less."""


class Line:
    """Sends packed commands over connections that stay at hand, one for each thread that asks at the same time.

    A quarter of redis-py's own time for a short command, which it spends on its pool, on packing, and on asking the
    socket before each command whether the server has hung up. That is asked here only after a pause. Safe from any
    thread; not guarded.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._pool = client.connection_pool
        self._idle: deque[tuple[float, int, Any]] = deque()
        """When a connection was used last, by which process."""

    def ask(self, command: bytes) -> Any:
        """The reply to one command. An error that the server answers leaves the connection in order; after any other
        one, which may leave half a reply behind, it is closed, and so are those that lie idle: they lead to the same
        server."""
        connection = self._take()
        try:
            connection.send_packed_command([command])
            reply = connection.read_response()
        except redis.ResponseError as error:
            self._idle.append((time.monotonic(), os.getpid(), connection))
            if odd_answers.elsewhere(error):
                self.hang_up()
            raise
        except BaseException:
            self._drop(connection)
            self.hang_up()
            raise
        self._idle.append((time.monotonic(), os.getpid(), connection))
        return reply

    def _take(self) -> Any:
        """The one used last. After a pause by way of the pool, which notices a connection that was closed meanwhile."""
        try:
            used, process, connection = self._idle.pop()
        except IndexError:
            return self._pool.get_connection()
        if process != os.getpid():
            # The parent's: only it may use or close it.
            self._idle.clear()
            return self._pool.get_connection()
        if time.monotonic() - used < FRESH_S:
            return connection
        self._pool.release(connection)
        return self._pool.get_connection()

    def hang_up(self) -> None:
        """Closes what lies idle, so that the next command comes in anew."""
        while self._idle:
            self._drop(self._idle.pop()[2])

    def _drop(self, connection: Any) -> None:
        connection.disconnect()
        self._pool.release(connection)
