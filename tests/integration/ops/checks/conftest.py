"""A sound cluster of which each test breaks one thing; what the check says must be that thing, and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.workers import WorkerRegistry
from tests.integration.objects.conftest import s3, s3_server
from tests.integration.ops.conftest import ONLY_SERVED, Lomi, Said, checks, on, troubled, worker

__all__ = ["s3", "s3_server"]

Find = Callable[..., Said]


@pytest.fixture
def find(lomi: Lomi) -> Find:
    """A run of everything that the sound cluster has, as a document."""

    def call(*words: object) -> Said:
        return lomi("check", "-o", "json", *ONLY_SERVED, *words)

    return call


def only(slug: str, status: str) -> dict[str, str]:
    """What a run says when this one thing is broken."""
    blocks = status in ("fail", "unknown")
    return {slug: status} | (dict.fromkeys(on(slug), "blocked") if blocks else {})


def detail(said: Said, slug: str) -> str:
    return str(checks(said)[slug]["detail"])


def hint(said: Said, slug: str) -> str:
    return str(checks(said)[slug]["hint"])


def value(said: Said, slug: str) -> float:
    return float(checks(said)[slug]["metric"]["value"])


def assert_only(said: Said, slug: str, status: str) -> None:
    assert troubled(said) == only(slug, status), {each: detail(said, each) for each in troubled(said)}


@contextmanager
def inhabited(url: str) -> Iterator[redis.Redis]:
    """Another Redis with a worker and a listener."""
    with ExitStack() as stack:
        client = stack.enter_context(redis.Redis.from_url(url))
        ear = stack.enter_context(client.pubsub())
        ear.subscribe(RESULTS_CHANNEL)
        assert ear.get_message(timeout=10)
        registering = queue_client(RedisSection.model_validate({"url": url}))
        stack.callback(registering.close)
        WorkerRegistry(registering).register(worker("b1"))
        yield client


@contextmanager
def altered(url: str, changes: Mapping[bytes, bytes]) -> Iterator[int]:
    """A port at which a server says something else than it does; each piece is replaced by one of the same length."""
    place = urlsplit(url)
    assert all(len(old) == len(new) for old, new in changes.items())
    server = socket.create_server(("127.0.0.1", 0))
    closing: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket, replace: bool) -> None:
        try:
            while data := source.recv(1 << 20):
                for old, new in changes.items() if replace else ():
                    data = data.replace(old, new)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def take() -> None:
        while True:
            try:
                ours = server.accept()[0]
            except OSError:
                return
            theirs = socket.create_connection((place.hostname, place.port))
            closing.extend((ours, theirs))
            threading.Thread(target=pump, args=(ours, theirs, False), daemon=True).start()
            threading.Thread(target=pump, args=(theirs, ours, True), daemon=True).start()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in closing:
            connection.close()


@contextmanager
def hanging_up() -> Iterator[int]:
    """A port that takes every connection and ends it at once."""
    server = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def at_port(url: str, port: int, **changes: Any) -> str:
    """The same URL with another port, and what else is to be different."""
    place = urlsplit(url)
    login, _, _ = place.netloc.rpartition("@")
    host = changes.get("host", place.hostname)
    return place._replace(scheme=changes.get("scheme", place.scheme), netloc=f"{login}@{host}:{port}").geturl()
