"""A service that takes every connection and never says a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class BlackHole:
    port: int
    entered: threading.Event = field(default_factory=threading.Event)
    """Somebody has connected."""


@contextmanager
def black_hole() -> Iterator[BlackHole]:
    server = socket.create_server(("127.0.0.1", 0))
    hole = BlackHole(server.getsockname()[1])
    taken: list[socket.socket] = []

    def take() -> None:
        while True:
            try:
                taken.append(server.accept()[0])
            except OSError:
                return
            hole.entered.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield hole
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in taken:
            connection.close()
