"""The whole life of jobs, compact: what a queue must be able to do on every server, whoever it is there."""

from __future__ import annotations

import uuid
from typing import Any

import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.job import Priority
from lomi_ops.queue.client import doorbell_client, queue_client, require_fit
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Beat, Buried, Claimed, Delayed, Done, Empty, JobState, Released, WorkerMode
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.ears import told
from tests.integration.queue.producer import element, job_id
from tests.integration.servers.farm import PASSWORD
from tests.operating import dead_letters, delete, retry, waiting
from tests.services import RedisServer

OUTAGE = Failure(ErrorClass.OUTAGE, "faces_down", "no CompreFace endpoint answers", 600.0)
BROKEN = Failure(ErrorClass.POISON, "missing_keys", "no photos")


def section(server: RedisServer, **values: Any) -> RedisSection:
    return RedisSection.model_validate({"host": "127.0.0.1", "port": server.port, "password": PASSWORD} | values)


class Slot:
    """One slot of a worker that counts its claims; everything that it does is a verb of the queue."""

    def __init__(self, redis_section: RedisSection, name: str = "boot/0") -> None:
        self.section = redis_section
        self.client = queue_client(redis_section)
        self.queue = JobQueue(self.client, chance=lambda: 0.5)
        self.name = name
        self.seq = 0
        self.token = ""

    def claim(self, *, again: bool = False) -> Any:
        """`again`: as after a lost reply, with the same number and token."""
        if not again:
            self.seq += 1
            self.token = str(uuid.uuid4())
        return self.queue.claim(self.name, self.seq, self.token)

    def take(self) -> Claimed:
        reply = self.claim()
        assert isinstance(reply, Claimed), reply
        return reply

    def close(self) -> None:
        self.client.close()


def admin(server: RedisServer) -> Any:
    """The default user, over plain TCP: the producer, the backend that listens, and whoever moves the clock."""
    return redis.Redis(port=server.port, password=PASSWORD, protocol=2)


def whole_life(redis_section: RedisSection, backend: Any) -> None:
    """Every verb of a worker and of an operator once, with its effect."""
    slot, other = Slot(redis_section), Slot(redis_section, "boot/1")
    queue, keys = slot.queue, slot.queue.keys
    require_fit(slot.client)
    registry = WorkerRegistry(slot.client)
    assert registry.register(WorkerInfo("boot", "host", 1, "0", 2)) is WorkerMode.RUNNING
    with backend.pubsub() as ear:
        ear.subscribe(RESULTS_CHANNEL)
        assert ear.get_message(timeout=10)["type"] == "subscribe"

        # One waits, is woken, is finished, and heard once.
        raw = element()
        bell = Line(doorbell_client(redis_section))
        assert isinstance(slot.claim(), Empty)
        backend.lpush(keys.ready, raw)
        assert queue.wait(bell, 5)
        bell.client.close()
        held = slot.take()
        assert (held.raw, held.attempt) == (raw, 1)
        assert slot.claim(again=True).adopted
        assert queue.beat("boot", {held.job_id: held.token}).leases == {held.job_id: Beat.OK}
        assert queue.finish(held.job_id, held.token, b"message") == Done(1)
        assert queue.finish(held.job_id, held.token, b"message") == Done(1, repeated=True)
        assert told(ear) == [b"message"]

    # Nobody listens: kept, and relayed to the next who does.
    backend.lpush(keys.ready, element())
    held = slot.take()
    queue.finish(held.job_id, held.token, b"later")
    queue.announce("decision", b"a person's")
    assert queue.relay() == 0
    with backend.pubsub() as ear:
        ear.subscribe(RESULTS_CHANNEL)
        assert ear.get_message(timeout=10)["type"] == "subscribe"
        assert queue.relay() == 2
        assert {ear.get_message(timeout=10)["data"] for _ in range(2)} == {b"later", b"a person's"}

    # Delayed and back, released and next, crashed and reaped, buried and requeued.
    first, second = element(), element()
    backend.lpush(keys.ready, first, second)
    held = slot.take()
    assert isinstance(queue.fail(held, OUTAGE), Delayed)
    backend.zadd(keys.delayed, {held.job_id: 1})
    again = slot.take()
    assert (again.job_id, again.attempt, again.setbacks) == (job_id(first), 1, 1)
    assert queue.release(again.job_id, again.token) == Released()
    crashed = slot.take()
    assert (crashed.job_id, crashed.attempt) == (job_id(first), 1)
    backend.zadd(keys.lease, {crashed.job_id: 1})
    assert queue.reap(lease_s=0, tick_s=0).requeued == (crashed.job_id,)
    assert queue.beat("boot", {crashed.job_id: crashed.token}).leases == {crashed.job_id: Beat.LOST}
    taken = other.take()
    assert (taken.job_id, taken.attempt) == (job_id(first), 2)
    assert queue.fail(taken, BROKEN) == Buried()
    assert [letter.job_id for letter in dead_letters(queue)] == [taken.job_id]
    retry(queue, taken.job_id)
    assert waiting(queue) == (first, second)

    # What an operator does.
    queue.pause("ada", "deploy")
    assert slot.claim().reason == "deploy"
    assert queue.resume()
    queue.hold("faces", 60, "down")
    assert slot.claim().upstream == "faces"
    assert queue.unhold("faces")
    registry.set_mode("boot", WorkerMode.QUIET)
    assert "quiet" in slot.claim().reason
    registry.set_mode("boot", WorkerMode.RUNNING)
    urgent = element()
    queue.submit(urgent, Priority.HIGH)
    assert slot.take().raw == urgent
    assert queue.cancel(job_id(urgent)) is JobState.RUNNING
    assert queue.cancel(job_id(first)) is JobState.CANCELLED
    taken = other.take()
    assert taken.raw == second
    queue.fail(taken, BROKEN)
    delete(queue, taken.job_id, for_good=True)
    record = queue.job(job_id(urgent))
    assert record is not None
    assert record.cancel
    assert [worker.jobs for worker in registry.list()] == [(job_id(urgent),)]
    found = queue.stats()
    assert (found.ready, found.high, found.delayed, found.running, found.dead, found.unsent) == (0, 0, 0, 1, 0, 0)
    registry.deregister("boot")
    for each in (slot, other):
        each.close()
