"""The proxy keeps its word: else the tests that stand on it prove nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.proxy import FaultProxy


class Echo:
    """Answers each line with itself, and remembers it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(1 << 16):
                    self.heard.append(data)
                    client.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        with suppress(OSError):  # closed already
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", echo.port, seed=7) as made:
        yield made


def ask(proxy: FaultProxy, text: bytes, connection: socket.socket | None = None) -> bytes:
    """b"" where the connection ended without an answer."""
    try:
        if connection is None:
            with socket.create_connection(("127.0.0.1", proxy.port), 5) as fresh:
                return ask(proxy, text, fresh)
        connection.settimeout(10)
        connection.sendall(text)
        return connection.recv(1 << 16)
    except OSError:
        return b""


def test_in_calm_weather_bytes_pass_both_ways(proxy: FaultProxy) -> None:
    assert ask(proxy, b"hello") == b"hello"
    assert proxy.counts["bytes_up"] == proxy.counts["bytes_down"] == 5


def test_a_delay_is_felt_once_a_round_trip_and_keeps_the_order(proxy: FaultProxy) -> None:
    proxy.delay(0.2)
    started = time.monotonic()
    assert ask(proxy, b"hello") == b"hello"
    assert time.monotonic() - started >= 0.2


def test_a_lost_reply_was_acted_on_and_the_next_one_arrives(proxy: FaultProxy, echo: Echo) -> None:
    proxy.lose_next(1)
    assert ask(proxy, b"first") == b""
    assert ask(proxy, b"second") == b"second"
    assert echo.heard == [b"first", b"second"]
    assert proxy.counts["lost"] == 1


def test_open_connections_can_be_cut_and_new_ones_live(proxy: FaultProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as open_one:
        assert ask(proxy, b"a", open_one) == b"a"
        assert proxy.cut_all() == 1
        assert ask(proxy, b"b", open_one) == b""
    assert ask(proxy, b"c") == b"c"


def test_what_falls_into_a_black_hole_arrives_when_it_closes(proxy: FaultProxy, echo: Echo) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as open_one:
        assert ask(proxy, b"a", open_one) == b"a"
        proxy.black_hole(0.5)
        open_one.sendall(b"late")
        open_one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            open_one.recv(10)
        assert echo.heard == [b"a"]
        open_one.settimeout(10)
        assert open_one.recv(10) == b"late"


def test_a_share_of_connections_is_cut_and_the_seed_says_which(echo: Echo) -> None:
    def fates(seed: int) -> list[bool]:
        with FaultProxy("127.0.0.1", echo.port, seed=seed) as proxy:
            proxy.doom(0.5)
            return [ask(proxy, b"x" * 30_000) == b"" for _ in range(20)]

    first = fates(1)
    assert 4 <= sum(first) <= 16
    assert first == fates(1)
    assert first != fates(2)


def test_a_dead_target_shows_as_a_reset_connection(echo: Echo) -> None:
    echo.close()
    with FaultProxy("127.0.0.1", echo.port) as proxy:
        assert ask(proxy, b"hello") == b""
        assert proxy.counts["refused"] == 1
