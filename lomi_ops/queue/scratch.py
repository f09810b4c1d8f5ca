"""A queue of our own beside the real one, for `lomi bench queue`: no worker, report or alert looks at it.

Its keys lie below the real queue's, where a user of Redis that may touch the queue may make keys, too. Which queues
there are, until when they may stand and how many jobs they had is written down before the first key: what a killed run
leaves is removed by the next one, without a scan of the server.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import redis

from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import text

CHUNK = 500
"""Keys that are removed in a round trip."""


class ScratchKeys(Keys):
    """The keys of such a queue. All of them share the hash slot of the real queue."""

    def _at(self, name: str) -> str:
        return f"{self.ready}:{name}"


@dataclass(frozen=True, slots=True)
class Scratch:
    """One such queue."""

    name: str
    keys: ScratchKeys
    jobs: int
    """Numbered from 0."""
    slots: int
    """Of its one worker, `boot`."""

    @property
    def boot(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.name))

    def slot(self, number: int) -> str:
        return f"{self.boot}/{number}"

    def job_id(self, number: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name}/{number}"))

    def every_key(self) -> Iterator[str]:
        """All that it can have."""
        yield from self.keys.types()
        yield from (self.keys.ops, self.keys.restoring, self.keys.fleet, self.keys.worker(self.boot))
        yield from (self.keys.seq(self.slot(number)) for number in range(self.slots))
        yield from (self.keys.job(self.job_id(number)) for number in range(self.jobs))


def begin(client: redis.Redis, name: str, *, jobs: int, slots: int, until_ms: int, real: Keys | None = None) -> Scratch:
    """Writes it down; makes nothing yet. `until_ms`, by the server's clock: after that nobody is at it any more. `name`
    has neither spaces nor colons."""
    real = real or Keys()
    with guarded(client, "a queue of its own"):
        client.hset(real.scratch, name, f"{until_ms} {jobs} {slots}")
    return _of(real, name, jobs, slots)


def end(client: redis.Redis, scratch: Scratch, real: Keys | None = None) -> None:
    """Removes its keys, then what was written down. Safe to repeat."""
    keys = list(dict.fromkeys(scratch.every_key()))
    with guarded(client, "the removal of its own queue"):
        for start in range(0, len(keys), CHUNK):
            call(client, "UNLINK", *keys[start : start + CHUNK])
        client.hdel((real or Keys()).scratch, scratch.name)


def sweep(client: redis.Redis, now_ms: int, real: Keys | None = None) -> int:
    """Removes what runs have left that are over; how many."""
    real = real or Keys()
    with guarded(client, "a look for old queues"):
        known: dict[bytes, bytes] = client.hgetall(real.scratch)  # type: ignore[assignment]
    over = [found for name, said in known.items() if (found := _over(real, text(name), text(said).split(), now_ms))]
    for scratch in over:
        end(client, scratch, real)
    return len(over)


def _over(real: Keys, name: str, said: Sequence[str], now_ms: int) -> Scratch | None:
    if len(said) != 3 or not all(word.isdecimal() for word in said):
        return None
    until_ms, jobs, slots = map(int, said)
    return _of(real, name, jobs, slots) if until_ms < now_ms else None


def _of(real: Keys, name: str, jobs: int, slots: int) -> Scratch:
    return Scratch(name, ScratchKeys(f"{real.scratch}:{name}"), jobs, slots)
