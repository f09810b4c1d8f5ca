"""Packed commands over connections that stay at hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue import line as module
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.line import Line
from lomi_ops.queue.scripts import packed_command
from tests.services import free_port, running_redis

PING = packed_command("PING")


def opened(url: str) -> Any:
    return queue_client(RedisSection.model_validate({"url": url}))


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    made = opened(redis_url)
    yield made
    made.close()


def connections(client: Any) -> set[bytes]:
    return {line.split()[0] for line in client.execute_command("CLIENT", "LIST").splitlines()}


def test_a_command_is_packed_as_redis_py_packs_it(client: Any) -> None:
    words = ("EVALSHA", b"\x00\xff\r\n", "ä", 17, -1, "", b"")
    connection = client.connection_pool.get_connection()
    assert packed_command(*words) == b"".join(connection.pack_command(*words))
    client.connection_pool.release(connection)


def test_one_thread_has_one_connection_and_several_have_one_each(client: Any, redis_url: str) -> None:
    line, watcher = Line(client), opened(redis_url)
    before = connections(watcher)
    for _ in range(10):
        line.ask(PING)
    assert len(connections(watcher) - before) == 1

    together = threading.Barrier(4)

    def wait() -> Any:
        together.wait(10)
        return line.ask(packed_command("BLPOP", "nothing", 1))

    with ThreadPoolExecutor(4) as pool:
        for waiting in [pool.submit(wait) for _ in range(4)]:
            assert waiting.result(20) is None
    assert len(connections(watcher) - before) == 4
    watcher.close()


def test_an_answered_error_costs_no_connection(client: Any) -> None:
    line = Line(client)
    own = line.ask(packed_command("CLIENT", "ID"))
    with pytest.raises(redis.ResponseError):
        line.ask(packed_command("NONSENSE"))
    assert line.ask(packed_command("CLIENT", "ID")) == own


def test_a_server_that_restarted_is_noticed_before_the_next_command_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_redis() as server:
        client = opened(server.url)
        queue = JobQueue(client)
        assert queue.relay() == 0
        server.stop(9)
        server.start()
        monkeypatch.setattr(module, "FRESH_S", 0.0)
        assert queue.relay() == 0
        client.close()


def test_one_failure_drops_every_connection_to_a_dead_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lomi_ops.queue.line.FRESH_S", 3600.0)  # however long the restart takes
    with running_redis() as server:
        client = opened(server.url)
        line = Line(client)
        together = threading.Barrier(3)
        with ThreadPoolExecutor(3) as pool:
            for asked in [pool.submit(lambda: together.wait(10) and line.ask(PING)) for _ in range(3)]:
                asked.result(20)
            idle = [pool.submit(line.ask, packed_command("BLPOP", "nothing", 1)) for _ in range(3)]
            for asked in idle:
                asked.result(20)
        server.stop(9)
        server.start()
        with pytest.raises(redis.ConnectionError):
            line.ask(PING)
        assert line.ask(PING) == b"PONG"
        client.close()


def test_a_connection_is_not_shared_with_a_forked_child(client: Any) -> None:
    """Reading somebody else's reply would hand out somebody else's job."""
    line = Line(client)
    parents = line.ask(packed_command("CLIENT", "ID"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(line.ask(packed_command("CLIENT", "ID"))).encode())
        os._exit(0)
    os.close(writer)
    childs = int(os.read(reader, 100))
    os.close(reader)
    os.waitpid(child, 0)
    assert childs != parents
    assert line.ask(packed_command("CLIENT", "ID")) == parents


def test_connections_to_a_demoted_primary_are_left_for_good(client: Any) -> None:
    """The name may lead to the new one, but an open connection never does."""
    line = Line(client)
    old = line.ask(packed_command("CLIENT", "ID"))
    line.ask(packed_command("REPLICAOF", "127.0.0.1", free_port()))
    try:
        with pytest.raises(redis.ReadOnlyError):
            line.ask(packed_command("SET", "x", "1"))
        assert line.ask(packed_command("CLIENT", "ID")) != old
    finally:
        line.ask(packed_command("REPLICAOF", "NO", "ONE"))
