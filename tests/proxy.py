"""A TCP proxy with bad weather: delays, cut connections, replies that get lost, silence. Everything is counted.

One thread per connection. What happens to a connection follows from the seed and from its number alone.
"""

from __future__ import annotations

import random
import selectors
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CHUNK = 1 << 20
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing sends a reset."""


@dataclass(eq=False)
class Lane:
    """One direction of a connection: what was read and waits for its time."""

    source: socket.socket
    target: socket.socket
    reply: bool
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    ended: bool = False


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    chance: random.Random
    doomed_after: int | None
    """Bytes, both ways; None lives on."""
    passed: int = 0
    cut: bool = False

    def __post_init__(self) -> None:
        self.lanes = (Lane(self.client, self.server, False), Lane(self.server, self.client, True))


class FaultProxy:
    """Forwards a port of its own to `host:port`. Every method may be called from any thread at any time.

    `counts`: connections, refused (nobody at the target), cut, lost (replies), holes, bytes_up, bytes_down.
    """

    def __init__(self, host: str, port: int, *, seed: object = 0, listen: str = "127.0.0.1") -> None:
        self.host = listen
        self.counts: Counter[str] = Counter()
        self._target = (host, port)
        self._seed = seed
        self._one_way_s = 0.0
        self._cut_share = 0.0
        self._cut_within = 1
        self._lose_share = 0.0
        self._lose_next = 0
        self._hole_until = 0.0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._links: set[Link] = set()
        self._threads: set[threading.Thread] = set()
        self._server = socket.create_server((listen, 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # --- the weather --------------------------------------------------------------------------------------------------

    def lead_to(self, host: str, port: int) -> None:
        """New connections go there, as behind a name that moved; those that are open stay where they are."""
        self._target = (host, port)

    def delay(self, round_trip_s: float) -> None:
        """Half of it on each way."""
        self._one_way_s = round_trip_s / 2

    def doom(self, share: float, *, within: int = 20_000) -> None:
        """So many of the connections made from now on are cut, each at some byte before `within`; what was asked with
        these bytes is done or not."""
        self._cut_share, self._cut_within = share, within

    def lose(self, share: float) -> None:
        """So many of the replies get lost: the server has acted, the client gets a reset connection."""
        self._lose_share = share

    def lose_next(self, replies: int) -> None:
        with self._lock:
            self._lose_next += replies

    def black_hole(self, seconds: float) -> None:
        """Nothing passes, no end of a connection either; then everything that was sent meanwhile arrives.

        A connect still succeeds (the kernel answers it), and is served afterwards.
        """
        with self._lock:
            self.counts["holes"] += 1
            self._hole_until = max(self._hole_until, time.monotonic() + seconds)

    def cut_all(self) -> int:
        """Resets every connection; how many there were."""
        with self._lock:
            links = list(self._links)
        for link in links:
            self._cut(link)
        return len(links)

    def calm(self) -> None:
        """From now on a plain proxy. Connections that are doomed already stay so."""
        self._one_way_s = self._cut_share = self._lose_share = 0.0
        with self._lock:
            self._lose_next, self._hole_until = 0, 0.0

    def close(self) -> None:
        self._closing.set()
        self._server.close()
        with socket.socket() as nudge:  # `accept` does not notice the closing by itself
            nudge.connect_ex((self.host, self.port))
        self.cut_all()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(5)

    # --- the pumps ----------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        self._server.settimeout(0.2)
        while not self._closing.is_set():
            try:
                client, _ = self._server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            number = self._count("connections")
            thread = threading.Thread(target=self._serve, args=(client, number), daemon=True)
            with self._lock:
                self._threads.add(thread)
            thread.start()

    def _serve(self, client: socket.socket, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        doom = chance.randrange(self._cut_within) if chance.random() < self._cut_share else None
        try:
            self._sit_out()
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            self._count("refused")
            _reset(client)
        else:
            self._link(Link(client, server, chance, doom))
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _link(self, link: Link) -> None:
        for end in (link.client, link.server):
            end.settimeout(30)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._links.add(link)
        try:
            self._pump(link)
        except OSError:
            link.cut = True
        finally:
            with self._lock:
                self._links.discard(link)
            (_reset if link.cut else _shut)(link.client)
            _shut(link.server)

    def _pump(self, link: Link) -> None:
        with selectors.DefaultSelector() as selector:
            for lane in link.lanes:
                selector.register(lane.source, selectors.EVENT_READ, lane)
            while not link.cut and not self._closing.is_set():
                ready = selector.select(_next_due(link, time.monotonic()))
                self._sit_out()
                for key, _ in ready:
                    lane = key.data
                    if not self._read(link, lane):
                        selector.unregister(lane.source)
                self._write(link)
                if any(lane.ended and not lane.waiting for lane in link.lanes):
                    return

    def _read(self, link: Link, lane: Lane) -> bool:
        """False at the end of this direction."""
        data = lane.source.recv(CHUNK)
        if not data:
            lane.ended = True
            return False
        if lane.reply and self._loses(link):
            link.cut = True
            self._count("lost")
            return True
        link.passed += len(data)
        if link.doomed_after is not None and link.passed > link.doomed_after:
            self._count("cut")
            if not lane.reply and link.chance.random() < 0.5:
                lane.target.sendall(data)
                lane.target.recv(CHUNK)  # the request is done, and nobody hears of it
            link.cut = True
            return True
        lane.waiting.append((time.monotonic() + self._one_way_s, data))
        return True

    def _write(self, link: Link) -> None:
        for lane in link.lanes:
            while lane.waiting and not link.cut and lane.waiting[0][0] <= time.monotonic():
                _, data = lane.waiting.popleft()
                self._count("bytes_down" if lane.reply else "bytes_up", len(data))
                lane.target.sendall(data)

    def _loses(self, link: Link) -> bool:
        with self._lock:
            if self._lose_next:
                self._lose_next -= 1
                return True
        return link.chance.random() < self._lose_share

    def _sit_out(self) -> None:
        while (left := self._hole_until - time.monotonic()) > 0 and not self._closing.is_set():
            self._closing.wait(min(left, 0.2))

    def _cut(self, link: Link) -> None:
        link.cut = True
        self._count("cut")
        _quietly(lambda: link.server.shutdown(socket.SHUT_RDWR))  # wakes its thread

    def _count(self, what: str, by: int = 1) -> int:
        with self._lock:
            self.counts[what] += by
            return self.counts[what]


def _next_due(link: Link, now: float) -> float | None:
    due = [lane.waiting[0][0] for lane in link.lanes if lane.waiting]
    return max(0.0, min(due) - now) if due else None


def _reset(end: socket.socket) -> None:
    _quietly(lambda: end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET))
    end.close()


def _shut(end: socket.socket) -> None:
    end.close()


def _quietly(step: Callable[[], object]) -> None:
    try:
        step()
    except OSError:
        return
