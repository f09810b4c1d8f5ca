"""What operations on many jobs hold on one user: ids of jobs on their lists, and what was typed to find them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import text

PAGE = 5_000
TYPED = ("filter", "reason")
"""What a person wrote, and may have named a user in."""


@dataclass(frozen=True, slots=True)
class Operated:
    """An operation that knows of the user."""

    op: str
    fields: dict[str, str]
    jobs: tuple[str, ...]
    """Of the user's, on its plan or its log."""
    named: bool
    """Whether the user is named in what was typed."""


def held(
    client: redis.Redis, keys: Keys, job_ids: Collection[str], names: Callable[[str], bool]
) -> tuple[Operated, ...]:
    """Reads every operation that is remembered. Raises RedisUnavailable."""
    with guarded(client, "the operations"):
        found = [_look(client, keys, text(op), job_ids, names) for op in call(client, "ZRANGE", keys.ops, 0, -1)]
    return tuple(each for each in found if each.jobs or each.named)


def forget(client: redis.Redis, keys: Keys, found: Sequence[Operated]) -> None:
    """Takes the jobs off the lists and blanks what names the user; the operations stay, with their counts."""
    with guarded(client, "the operations"):
        for each in found:
            for name in (keys.op_plan(each.op), keys.op_log(each.op)):
                for job_id in each.jobs:
                    call(client, "LREM", name, 0, job_id)
            if each.named:
                _blank(client, keys.op(each.op))


def _look(client: redis.Redis, keys: Keys, op: str, job_ids: Collection[str], names: Callable[[str], bool]) -> Operated:
    fields = cast("dict[bytes, bytes]", client.hgetall(keys.op(op)))
    known = {text(key): text(value) for key, value in fields.items()}
    listed = (each for name in (keys.op_plan(op), keys.op_log(op)) for each in _listed(client, name))
    jobs = tuple(dict.fromkeys(each for each in listed if each in job_ids))
    return Operated(op, known, jobs, any(names(known.get(name, "")) for name in TYPED))


def _listed(client: redis.Redis, name: str) -> Iterator[str]:
    start = 0
    while page := cast("list[bytes]", call(client, "LRANGE", name, start, start + PAGE - 1)):
        yield from map(text, page)
        start += len(page)


def _blank(client: redis.Redis, name: str) -> None:
    left_ms = max(1, int(call(client, "PTTL", name)))
    with client.pipeline(transaction=False) as pipe:
        pipe.hset(name, mapping=dict.fromkeys(TYPED, ""))
        pipe.pexpire(name, left_ms)  # one that has just been forgotten must not come to stay
        pipe.execute()
