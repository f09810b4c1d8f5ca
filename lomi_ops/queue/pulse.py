"""The queue at one moment, as the meter tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from lomi_ops.domain.tally import FAILED, WRITE
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.queue.fields import Fields
from lomi_ops.queue.replies import QueueState

Samples = Sequence[tuple[bytes, Fields]]


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says about itself; None where it does not let us ask."""

    memory_bytes: int | None = None
    connections: int | None = None
    hits: int | None = None
    misses: int | None = None


@dataclass(frozen=True, slots=True)
class Lately:
    """What has happened within a window, from the samples that workers note; None where none of them tells."""

    duplicates: int | None = None
    """Within an hour: copies of jobs that were known already."""
    storage: int | None = None
    """Within five minutes: attempts that failed for the object store."""
    writes: tuple[int, ...] | None = None
    """Within five minutes: places of the histogram of the workers' writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse(QueueState):
    """As somebody sees it who looks every second. What is asked for seldom is as old as its pace allows."""

    workers: tuple[WorkerRecord, ...]
    ages_s: Mapping[str, float]
    """Of the oldest job by state, where it is known: `running` since its claim, `dead` since it was given up, others
    since their upload. Never of delayed ones."""
    stuck: int
    """Jobs that run for longer than an hour, or whose lease ran out a minute ago and nobody has taken them back."""
    server: Server = Server()
    measured: Mapping[str, int] = field(default_factory=dict)
    """What finished jobs have added up to (`domain/tally.py`)."""
    lately: Lately = Lately()


def lately_of(counters: Mapping[str, int], measured: Mapping[str, int], hour: Samples, short: Samples) -> Lately:
    writes = _first(short, b"writes")
    before = [int(number) for number in writes.split(b",")] if writes else []
    now = [measured.get(f"t:{WRITE}:{at}", 0) for at in range(len(before))]
    passed = tuple(after - then for after, then in zip(now, before, strict=True))
    return Lately(
        duplicates=_risen(counters.get("duplicates", 0), _first(hour, b"duplicates")),
        storage=_risen(measured.get(f"n:{FAILED}:objects", 0), _first(short, b"storage")),
        writes=passed if passed and min(passed) >= 0 else None,
    )


def _first(samples: Samples, name: bytes) -> bytes | None:
    """Of the first sample that tells; one that a worker of an earlier version has noted does not."""
    return next((fields[name] for _, fields in samples if name in fields), None)


def _risen(now: int, before: bytes | None) -> int | None:
    """None also where the counter fell: its memory was lost."""
    return None if before is None or now < int(before) else now - int(before)


def server_of(info: Any) -> Server:
    """Who may not ask INFO knows the rest all the same."""
    if isinstance(info, redis.RedisError):
        return Server()
    return Server(
        info.get("used_memory"), info.get("connected_clients"), info.get("keyspace_hits"), info.get("keyspace_misses")
    )
