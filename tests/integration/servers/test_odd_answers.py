"""What the queue does when Redis says that it cannot: nothing is lost, no attempt is spent, the next step is said."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.check import Status
from lomi_ops.errors import ConfigError, RedisUnavailable
from lomi_ops.ops.checks import redis as redis_checks
from lomi_ops.ops.checks.handles import Handles
from lomi_ops.queue import odd_answers
from lomi_ops.queue.client import doorbell_client, queue_client, require_fit
from lomi_ops.queue.keys import QUEUE, RESULTS_CHANNEL
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Beat, Claimed, Delayed, Done, Empty, Released, Submitted
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.ears import told
from tests.integration.queue.producer import element, job_id
from tests.integration.servers import farm, states
from tests.integration.servers.farm import Kind
from tests.integration.servers.life import Slot, admin, section
from tests.integration.servers.rights import until
from tests.integration.servers.states import REFUSING, State
from tests.services import RedisServer

THE_CODE_FAILED = Failure(ErrorClass.TRANSIENT, "reset", "the connection was reset", 600.0)
FEW = ("claim", "beat", "finish", "fail", "doorbell", "submit")
INFO = WorkerInfo("boot", "host", 1, "0", 3)


@pytest.fixture(scope="module", params=farm.ALL)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with farm.running(request.param) as running:
        yield running


@pytest.fixture
def backend(server: RedisServer) -> Iterator[Any]:
    with admin(server) as client:
        client.flushall()
        yield client


class Hands:
    """A worker with three jobs in hand and one in the list, and what it can still say about each."""

    def __init__(self, server: RedisServer, backend: Any) -> None:
        self.raws = [element() for _ in range(4)]
        self.slots = [Slot(section(server), f"boot/{number}") for number in range(4)]
        self.registry = WorkerRegistry(self.slots[0].client)
        self.bell = Line(doorbell_client(section(server)))
        self.registry.register(INFO)
        backend.lpush(QUEUE, *self.raws)
        self.done, self.failed, self.released = (slot.take() for slot in self.slots[:3])
        # The claim of the last slot is the one that meets the odd answer.
        self.last = self.slots[3]
        self.last.seq, self.last.token = 1, "the-token"
        self.queue = self.slots[0].queue

    def hang_up(self) -> None:
        """Every next command has to come in anew, as after a cut."""
        for client in (*(slot.client for slot in self.slots), self.bell.client):
            client.connection_pool.disconnect()

    def writes(self) -> dict[str, Callable[[], object]]:
        """Everything that changes something, as a worker and an operator call it."""
        queue, registry = self.queue, self.registry
        return {
            "claim": lambda: self.last.claim(again=True),
            "beat": self.beat,
            "finish": self.finish,
            "fail": self.fail,
            "release": self.release,
            "reap": lambda: queue.reap(lease_s=0, tick_s=0),
            "relay": queue.relay,
            "register": lambda: registry.register(INFO),
            "hold": lambda: queue.hold("faces", 1, "down"),
            "doorbell": lambda: queue.wait(self.bell, 0.1),
            "submit": lambda: queue.submit(element()),
            "announce": lambda: queue.announce("decision", b"approved"),
            "pause": lambda: queue.pause("ada", "deploy"),
            "cancel": lambda: queue.cancel(self.done.job_id),
        }

    def beat(self) -> object:
        held = (self.done, self.failed, self.released)
        return self.queue.beat("boot", {each.job_id: each.token for each in held})

    def finish(self) -> object:
        return self.queue.finish(self.done.job_id, self.done.token, b"message")

    def fail(self) -> object:
        return self.queue.fail(self.failed, THE_CODE_FAILED)

    def release(self) -> object:
        return self.queue.release(self.released.job_id, self.released.token)

    def close(self) -> None:
        for slot in self.slots:
            slot.close()
        self.bell.client.close()


@pytest.fixture
def hands(server: RedisServer, backend: Any) -> Iterator[Hands]:
    made = Hands(server, backend)
    yield made
    made.close()


@pytest.mark.parametrize("state", REFUSING, ids=lambda state: state.word)
def test_while_redis_refuses_nothing_changes_and_everything_goes_on_afterwards(
    server: RedisServer, backend: Any, hands: Hands, state: State
) -> None:
    with backend.pubsub() as ear:
        before = dump(backend)
        with state.inside(server, backend):
            hands.hang_up()
            for name, verb in hands.writes().items():
                if state.slow and name not in FEW:
                    continue
                with pytest.raises(RedisUnavailable) as refused:
                    verb()
                words = {state.word} | ({"READONLY"} if name == "doorbell" and state.word == "MASTERDOWN" else set())
                assert refused.value.hint in {odd_answers.HINTS[word] for word in words}, (name, refused.value)
                assert "127.0.0.1" in str(refused.value)
                assert farm.PASSWORD not in str(refused.value)
            if state.reads:
                assert hands.queue.stats().running == 3
            else:
                with pytest.raises(RedisUnavailable):
                    hands.queue.stats()
        assert dump(backend) == before
        ear.subscribe(RESULTS_CHANNEL)
        assert ear.get_message(timeout=10)["type"] == "subscribe"
        goes_on(backend, hands)
        assert told(ear) == [b"message"]


def goes_on(backend: Any, hands: Hands) -> None:
    """The same calls, sent again: each job ends as if nothing had been."""
    assert set(hands.queue.beat("boot", {hands.done.job_id: hands.done.token}).leases.values()) == {Beat.OK}
    claimed = hands.last.claim(again=True)
    assert isinstance(claimed, Claimed)
    assert (claimed.raw, claimed.attempt, claimed.crashes) == (hands.raws[3], 1, 0)
    assert hands.finish() == Done(1)
    assert isinstance(hands.fail(), Delayed)
    assert hands.release() == Released()
    again = hands.slots[0].take()
    assert (again.job_id, again.attempt, again.crashes) == (hands.released.job_id, 1, 0)
    found = hands.queue.stats()
    assert (found.ready, found.delayed, found.running, found.dead, found.unsent) == (0, 1, 2, 0, 0)
    record = hands.queue.job(hands.failed.job_id)
    assert record is not None
    assert record.attempt == 1
    assert isinstance(hands.slots[1].claim(), Empty)


READERS = {
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"hash": lambda client, key: client.hgetall(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    b"stream": lambda client, key: client.xrange(key),
    b"string": lambda client, key: client.get(key),
}


def dump(backend: Any) -> dict[bytes, object]:
    """All keys of the queue and what is in them."""
    keys = [key for key in backend.scan_iter(count=1000) if b"photo_moderation_queue" in key]
    return {key: READERS[backend.type(key)](backend, key) for key in sorted(keys)}


def test_a_full_server_takes_no_new_work_and_finishes_what_it_has(
    server: RedisServer, backend: Any, hands: Hands
) -> None:
    with states.full(server, backend):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            backend.lpush(QUEUE, element())
        for adding in ("submit", "announce", "doorbell"):
            with pytest.raises(RedisUnavailable) as refused:
                hands.writes()[adding]()
            assert refused.value.hint == "Redis is full: raise maxmemory, or see `lomi queue stats`"
        with backend.pubsub() as ear:
            ear.subscribe(RESULTS_CHANNEL)
            assert ear.get_message(timeout=10)["type"] == "subscribe"
            hands.registry.register(INFO)
            hands.queue.hold("faces", 60, "down")
            assert hands.queue.unhold("faces")
            hands.queue.pause("ada", "deploy")
            hands.queue.resume()
            goes_on(backend, hands)
            assert ear.get_message(timeout=10)["data"] == b"message"
        expired = hands.last
        held = expired.queue.stats().running
        backend.config_set("maxmemory", 0)
        backend.zadd(hands.queue.keys.lease, {job_id(hands.raws[3]): 1})
        backend.config_set("maxmemory", 1)
        assert hands.queue.reap(lease_s=0, tick_s=0).requeued == (job_id(hands.raws[3]),)
        assert hands.queue.stats().running == held - 1
    assert hands.queue.submit(element()) is Submitted.ACCEPTED


def test_a_server_may_forget_its_scripts_between_any_two_steps(server: RedisServer, backend: Any, hands: Hands) -> None:
    for verb in hands.writes().values():
        backend.script_flush()
        verb()


def test_a_bell_that_rings_at_a_server_that_is_demoted_meanwhile_says_so_and_goes_to_the_new_one(
    server: RedisServer, backend: Any
) -> None:
    slot, bell = Slot(section(server)), Line(doorbell_client(section(server)))
    said: list[RedisUnavailable] = []

    def ring() -> None:
        try:
            slot.queue.wait(bell, 20)
        except RedisUnavailable as outage:
            said.append(outage)

    thread = threading.Thread(target=ring)
    thread.start()
    until(lambda: backend.info("clients")["blocked_clients"] == 1)
    with states.readonly(server, backend):
        thread.join(10)
        assert [outage.hint for outage in said] == [odd_answers.HINTS["UNBLOCKED"]]
    backend.lpush(QUEUE, element())
    assert slot.queue.wait(bell, 5)
    slot.close()
    bell.client.close()


def test_without_the_password_the_setting_is_named(server: RedisServer) -> None:
    slot = Slot(section(server, password=None))
    with pytest.raises(RedisUnavailable, match="NOAUTH") as refused:
        slot.claim()
    assert refused.value.hint == "check redis.username and redis.password"
    slot.close()


@pytest.mark.parametrize("state", [state for state in REFUSING if state.word not in ("NOPERM",)], ids=lambda s: s.word)
def test_a_worker_that_starts_waits_and_does_not_give_up(server: RedisServer, backend: Any, state: State) -> None:
    """What `lomi worker` does first: ask the server, then register. Weather is never a reason to end."""

    def begin(client: redis.Redis) -> None:
        require_fit(client)
        WorkerRegistry(client).register(INFO)

    with queue_client(section(server)) as client, state.inside(server, backend), pytest.raises(RedisUnavailable):
        begin(client)


def test_a_check_of_a_replica_fails_with_the_setting_to_change(server: RedisServer, backend: Any) -> None:
    with queue_client(section(server)) as client:
        at = cast("Handles", SimpleNamespace(redis=client))
        assert redis_checks.ping(at).status is Status.PASS
        with states.readonly(server, backend):
            found = redis_checks.ping(at)
    assert found.status is Status.FAIL
    assert "redis.sentinels" in found.hint


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "allkeys-random", "volatile-ttl"])
def test_a_server_that_evicts_is_refused(server: RedisServer, backend: Any, policy: str) -> None:
    backend.config_set("maxmemory-policy", policy)
    try:
        with queue_client(section(server)) as client, pytest.raises(ConfigError, match=policy):
            require_fit(client)
    finally:
        backend.config_set("maxmemory-policy", "noeviction")


def test_a_server_that_is_too_old_is_refused() -> None:
    with farm.made(Kind.REDIS_5) as old, queue_client(section(old)) as client:
        old.launch()
        until(lambda: farm.pings(old))
        with pytest.raises(
            ConfigError, match=r"is version 5\.0\.6; the queue needs 6\.2 or later, or Valkey"
        ) as refused:
            require_fit(client)
    assert refused.value.hint.startswith("upgrade the server")


def test_every_state_of_the_documents_is_tested_and_has_its_hint() -> None:
    text = (Path(__file__).parents[3] / "docs/operations.md").read_text()
    table = text.partition("### Odd answers")[2].partition("\n#")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {word for row in rows for word in re.findall("`([A-Z]+)`", row)}
    assert listed == set(odd_answers.HINTS)
