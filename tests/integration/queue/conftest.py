"""A queue on the real server, with the clock in our hands: leases and due times are moved, never waited for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed, ClaimReply, Reaped
from lomi_ops.queue.scripts import SHARED

SCRIPTS = sorted(
    file.name.removesuffix(".lua")
    for file in files("lomi_ops.queue").joinpath("lua").iterdir()
    if file.name.removesuffix(".lua") not in SHARED
)
"""Every transition."""
FAR_S = 600.0
"""No retry comes due, and no lease ends, by itself while a test runs."""
LOST_CONNECTION = Failure(ErrorClass.TRANSIENT, "reset", "the connection was reset", FAR_S)
OUTAGE = Failure(ErrorClass.OUTAGE, "faces_down", "no CompreFace endpoint answers", FAR_S)
POISON = Failure(ErrorClass.POISON, "not_json", "the element is not a JSON object", hint="lomi queue dead")


class Bench:
    """A queue, the client of a plain producer, and a few slots that count their claims."""

    def __init__(self, url: str) -> None:
        self.client: Any = queue_client(RedisSection.model_validate({"url": url}))
        self.queue = JobQueue(self.client, chance=lambda: 0.5)
        self.keys = self.queue.keys
        self._seq: dict[str, int] = {}

    def push(self, *elements: bytes) -> None:
        self.client.lpush(self.keys.ready, *elements)

    def claim(self, slot: str = "boot/0", queue: JobQueue | None = None) -> ClaimReply:
        self._seq[slot] = self._seq.get(slot, 0) + 1
        return (queue or self.queue).claim(slot, self._seq[slot], str(uuid.uuid4()), FAR_S)

    def last_seq(self, slot: str) -> int:
        return self._seq.get(slot, 0)

    def take(self, slot: str = "boot/0") -> Claimed:
        reply = self.claim(slot)
        assert isinstance(reply, Claimed), reply
        return reply

    def expire(self, job_id: str) -> None:
        """As if nobody had beaten for a lease."""
        self.client.zadd(self.keys.lease, {job_id: 1})

    def come_due(self) -> None:
        for job_id in self.client.zrange(self.keys.delayed, 0, -1):
            self.client.zadd(self.keys.delayed, {job_id: 1})

    def reap(self) -> Reaped:
        """Always looks, also at a server that it has just met."""
        return self.queue.reap(lease_s=0, tick_s=0)

    def results(self) -> list[bytes]:
        return [fields[b"job_id"] for _, fields in self.client.xrange(self.keys.results)]

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def bench(redis_url: str) -> Iterator[Bench]:
    made = Bench(redis_url)
    yield made
    made.close()
