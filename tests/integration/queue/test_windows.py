"""Failure windows that need a second party: a connection that swallows replies, idle workers, old consumers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import doorbell_client, queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Claimed, Delayed, Done, Empty, Released, Submitted
from lomi_ops.queue.scripts import source
from tests.integration.queue.conftest import FAR_S, Bench
from tests.integration.queue.producer import element, job_id
from tests.services import running_redis


class Swallower:
    """A TCP proxy. While `swallow` is set, the server gets the request and the client a closed connection."""

    def __init__(self, host: str, port: int) -> None:
        self.swallow = False
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        """One connection after the other is enough: the client under test is alone."""
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, socket.create_connection(self._target) as server:
                self._exchange(client, server)

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        while request := client.recv(1 << 20):
            server.sendall(request)
            reply = server.recv(1 << 20)
            if self.swallow:
                return
            client.sendall(reply)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)


@pytest.fixture
def swallower(redis_url: str) -> Iterator[Swallower]:
    target = urlsplit(redis_url)
    proxy = Swallower(target.hostname or "", target.port or 0)
    yield proxy
    proxy.close()


@pytest.fixture
def lossy(redis_url: str, swallower: Swallower) -> Iterator[JobQueue]:
    """A queue whose next reply can be lost."""
    target = urlsplit(redis_url)
    url = f"redis://:{target.password}@127.0.0.1:{swallower.port}/0"
    client = queue_client(RedisSection.model_validate({"url": url}))
    client.ping()
    yield JobQueue(client, chance=lambda: 0.5)
    client.close()


def test_replies_may_be_lost_on_the_whole_way_of_a_job_and_nothing_happens_twice(
    bench: Bench, lossy: JobQueue, swallower: Swallower
) -> None:
    bench.push(element(), element())
    for name in ("claim", "release", "fail", "finish", "advance", "submit"):
        bench.client.script_load(source(name))  # else the reply that gets lost is only NOSCRIPT

    def lost(step: str, *args: object) -> object:
        """Send it, lose the reply, send the very same again."""
        swallower.swallow = True
        with pytest.raises(RedisUnavailable):
            getattr(lossy, step)(*args)
        swallower.swallow = False
        return getattr(lossy, step)(*args)

    held = lost("claim", "boot/0", 1, "token-1")
    assert isinstance(held, Claimed)
    assert (held.attempt, held.adopted) == (1, True)
    assert lost("release", held.job_id, "token-1") == Released()
    held = lost("claim", "boot/0", 2, "token-2")
    assert isinstance(held, Claimed)
    assert (held.attempt, bench.client.llen(bench.keys.ready)) == (1, 1)
    later = lost("fail", held, Failure(ErrorClass.OUTAGE, "down", "faces are down", FAR_S))
    assert isinstance(later, Delayed)
    assert bench.client.zrange(bench.keys.delayed, 0, -1, withscores=True) == [(held.job_id.encode(), later.due_ms)]
    bench.come_due()
    held = lost("claim", "boot/0", 3, "token-3")
    assert isinstance(held, Claimed)
    assert (held.attempt, held.setbacks) == (1, 1)
    assert lost("finish", held.job_id, "token-3", b"payload") == Done(0, repeated=True)
    assert bench.results() == [held.job_id.encode()]
    assert lost("submit", element()) is Submitted.DUPLICATE
    assert bench.client.llen(bench.keys.ready) == 2
    held = lost("claim", "boot/0", 4, "token-4")
    assert isinstance(held, Claimed)
    both = lost("advance", held.job_id, "token-4", b"payload", "boot/0", 5, "token-5")
    assert isinstance(both, tuple)
    assert both[0] == Done(0, repeated=True)
    assert (both[1].attempt, both[1].adopted) == (1, True)
    assert bench.client.llen(bench.keys.ready) == 0
    assert len(bench.results()) == 2
    assert bench.queue.stats().counters["submitted"] == 1


def test_all_idle_workers_wake_at_one_push_and_the_bell_takes_nothing(bench: Bench, redis_url: str) -> None:
    raw = element()
    bells = [Line(doorbell_client(RedisSection.model_validate({"url": redis_url}))) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        rings = [pool.submit(bench.queue.wait, bell, 20) for bell in bells]
        while bench.client.info("clients")["blocked_clients"] < 3:
            pass
        bench.push(raw)
        assert [ring.result(10) for ring in rings] == [True, True, True]
    for bell in bells:
        bell.client.close()
    assert bench.client.lrange(bench.keys.ready, 0, -1) == [raw]


def test_the_bell_stays_silent_over_an_empty_list(bench: Bench, redis_url: str) -> None:
    bell = Line(doorbell_client(RedisSection.model_validate({"url": redis_url})))
    assert not bench.queue.wait(bell, 0)
    bell.client.close()


def test_old_and_new_consumers_share_the_list_and_every_job_goes_to_one_of_them(bench: Bench, redis_url: str) -> None:
    elements = [element() for _ in range(60)]
    bench.push(*elements)
    taken: list[bytes] = []

    def old() -> None:
        client = queue_client(RedisSection.model_validate({"url": redis_url}))
        while (found := client.rpop(bench.keys.ready)) is not None:
            assert isinstance(found, bytes)
            taken.append(found)
        client.close()

    def new(boot: str) -> None:
        client = queue_client(RedisSection.model_validate({"url": redis_url}))
        queue = JobQueue(client)
        for seq in range(1, 1000):
            held = queue.claim(f"{boot}/0", seq, f"{boot}-{seq}")
            if isinstance(held, Empty):
                break
            assert isinstance(held, Claimed)
            taken.append(held.raw)
            queue.finish(held.job_id, held.token)
        client.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(old), pool.submit(old), pool.submit(new, "one"), pool.submit(new, "two")]:
            done.result(30)
    assert sorted(taken) == sorted(elements)


def test_a_job_survives_the_death_of_the_server_between_any_two_steps() -> None:
    with running_redis("--appendfsync", "always") as server:
        raw = element()
        bench = Bench(server.url)

        def die() -> None:
            nonlocal bench
            bench.close()
            server.stop(9)
            server.start()
            bench = Bench(server.url)

        bench.push(raw)
        die()
        held = bench.take("boot-a/0")
        die()
        assert bench.queue.beat("boot-a", {held.job_id: held.token}).leases[held.job_id] == "OK"
        assert bench.queue.reap(lease_s=15, tick_s=0).skipped == "settling"
        bench.queue.fail(held, Failure(ErrorClass.OUTAGE, "down", "faces are down", FAR_S))
        die()
        bench.come_due()
        held = bench.take("boot-b/0")
        bench.queue.finish(held.job_id, held.token, b"payload")
        die()
        assert bench.queue.finish(held.job_id, held.token, b"payload") == Done(0, repeated=True)
        bench.push(raw)
        assert bench.claim("boot-c/0") == Empty(None)
        assert bench.results() == [job_id(raw).encode()]
        bench.close()
