"""A TCP proxy that waits for one certain request, and lets a test act just before it or just after its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

CHUNK = 1 << 20


class Moment(StrEnum):
    BEFORE = "before"
    """The server has not seen the request."""
    AFTER = "after"
    """The server has acted; the client has not seen the answer."""


@dataclass(eq=False)
class Trap:
    """The first request that `wanted` says yes to springs it."""

    wanted: Callable[[bytes], bool]
    moment: Moment
    act: Callable[[], bool]
    """Runs at the moment; True lets the request or the answer pass, False cuts the connection."""
    prepare: Callable[[], object] = lambda: None
    """Runs while the request is held back."""
    sprung: threading.Event = field(default_factory=threading.Event)


class Tap:
    """Forwards a port of its own to `port`. A client that sends one request and awaits its answer is assumed."""

    def __init__(self, port: int) -> None:
        self.refusing = False
        """Nobody gets through, and whoever is connected is cut."""
        self._target = ("127.0.0.1", port)
        self._trap: Trap | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, trap: Trap) -> Trap:
        with self._lock:
            self._trap = trap
        return trap

    def unset(self) -> None:
        with self._lock:
            self._trap = None

    def refuse(self) -> None:
        self.refusing = True
        self._cut_all()

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._cut_all()

    def _cut_all(self) -> None:
        with self._lock:
            ends = list(self._open)
        for end in ends:
            _shut(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Both directions until one of them ends."""
        with client:
            if self.refusing:
                return
            with suppress(OSError), socket.create_connection(self._target, 5) as server:
                self._link(client, server)

    def _link(self, client: socket.socket, server: socket.socket) -> None:
        server.settimeout(None)
        sprung: list[Trap] = []
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client, lambda data: _answer(sprung)), daemon=True)
        back.start()
        self._pump(client, server, lambda data: self._request(data, sprung))
        back.join()
        with self._lock:
            self._open -= {client, server}

    def _pump(self, source: socket.socket, target: socket.socket, passes: Callable[[bytes], bool]) -> None:
        try:
            while (data := source.recv(CHUNK)) and passes(data):
                target.sendall(data)
        except OSError:
            pass
        finally:
            _shut(source)
            _shut(target)

    def _request(self, data: bytes, sprung: list[Trap]) -> bool:
        with self._lock:
            trap = self._trap
            if trap is None or not trap.wanted(data):
                return True
            self._trap = None
        trap.prepare()
        if trap.moment is Moment.AFTER:
            sprung.append(trap)
            return True
        return _spring(trap)


def _answer(sprung: list[Trap]) -> bool:
    return _spring(sprung.pop()) if sprung else True


def _spring(trap: Trap) -> bool:
    try:
        return trap.act()
    finally:
        trap.sprung.set()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
