"""One job of ours, pushed and looked for: for `lomi e2e`, which pushes jobs only to see what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import count, text
from lomi_ops.queue.survey import listeners
from lomi_ops.queue.wire import identity

PAGE = 500
SEARCHED = 10_000
"""Elements of the list that are looked through."""
LATEST = 100
"""Dead letters and delayed jobs that are looked through."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """An element is in the list."""

    server_ms: int
    """By the clock of the server, just before."""


def push(client: redis.Redis, keys: Keys, raw: bytes) -> Pushed:
    """As the producer does, and when. Raises RedisUnavailable; then the element may be in the list or not."""
    with guarded(client, "LPUSH"), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.lpush(keys.ready, raw)
        (seconds, micros), _ = pipe.execute()
    return Pushed(int(seconds) * 1000 + int(micros) // 1000)


def place_in_list(client: redis.Redis, keys: Keys, raw: bytes) -> int | None:
    """How many elements a worker takes before this one; None where it does not wait there, or far from the end where it
    was pushed."""
    for place, element in enumerate(_waiting(client, keys)):
        if element == raw:
            with guarded(client, "a look at the list"):
                return max(0, count(client.llen(keys.ready)) - 1 - place)
    return None


def find(client: redis.Redis, keys: Keys, batch_id: UUID) -> tuple[str, bytes] | None:
    """Id and element of the job of a batch that somebody else has just pushed: in the list, or with a record of ours.
    None where it is over already, or an old worker has it."""
    for raw in _waiting(client, keys):
        if _names(raw, batch_id):
            return identity(raw), raw
    with guarded(client, "a look for a job"), client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.slots)
        pipe.zrange(keys.delayed, 0, LATEST - 1)
        pipe.zrange(keys.dead, 0, LATEST - 1, desc=True)
        slots, delayed, dead = pipe.execute()
        names = [text(name) for name in (*slots.values(), *delayed, *dead)]
        for name in names:
            pipe.hget(keys.job(name), "raw")
        elements = pipe.execute() if names else []
    found = ((name, raw) for name, raw in zip(names, elements, strict=True) if raw and _names(raw, batch_id))
    return next(found, None)


def element_of(client: redis.Redis, keys: Keys, job_id: str) -> bytes | None:
    """The element of a job that waits in the list and that no worker has met; None where it is not among the latest."""
    mark = job_id.encode()
    return next((raw for raw in _waiting(client, keys) if mark in raw and identity(raw) == job_id), None)


def other_listeners(client: redis.Redis) -> int | None:
    """Subscribers of the results beside the caller; None where this user may not ask. Raises RedisUnavailable."""
    try:
        return max(0, listeners(client) - 1)
    except RedisUnavailable as refusal:
        if isinstance(refusal.__cause__, redis.exceptions.NoPermissionError):
            return None
        raise


def _waiting(client: redis.Redis, keys: Keys) -> Iterator[bytes]:
    """What was pushed last, in pages."""
    for start in range(0, SEARCHED, PAGE):
        with guarded(client, "a look at the list"):
            page: list[bytes] = call(client, "LRANGE", keys.ready, start, start + PAGE - 1)
        yield from page
        if len(page) < PAGE:
            return


def _names(raw: bytes, batch_id: UUID) -> bool:
    if str(batch_id).encode() not in raw:
        return False
    try:
        body: Any = json.loads(raw)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("batch_id") == str(batch_id)
