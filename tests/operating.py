"""What an operator does to a queue, in one call, and looks at it for asserting."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.operations import Operations, OperationState, Order, Verb


def retry(queue: JobQueue, *job_ids: str) -> str:
    """Dead letters and delayed jobs, now; the operation's name."""
    return operate(queue, Verb.RETRY, *job_ids)


def delete(queue: JobQueue, *job_ids: str, for_good: bool = False) -> str:
    return operate(queue, Verb.DELETE, *job_ids, for_good=for_good)


def operate(queue: JobQueue, verb: Verb, *job_ids: str, for_good: bool = False, op: str = "") -> str:
    op = op or uuid.uuid4().hex
    operations = Operations(queue._client, queue.keys)
    operations.open(Order(op, verb, "ada", "", " ".join(job_ids), for_good=for_good), job_ids)
    while operations.step(op).state is OperationState.RUNNING:
        pass
    return op


@dataclass(frozen=True)
class Letter:
    """A dead letter as its record has it."""

    job_id: str
    raw: bytes
    error_class: str
    code: str
    error: str
    hint: str
    attempts: int
    crashes: int
    setbacks: int
    holder: str
    last_beat_ms: int | None


def dead_letters(queue: JobQueue, limit: int = 100) -> tuple[Letter, ...]:
    """The latest first."""
    names = cast("list[bytes]", queue._client.zrange(queue.keys.dead, 0, limit - 1, desc=True))
    return tuple(_letter(queue, name.decode()) for name in names)


def _letter(queue: JobQueue, job_id: str) -> Letter:
    record: Mapping[bytes, bytes] = cast("Any", queue._client.hgetall(queue.keys.job(job_id)))

    def word(name: str) -> str:
        return record.get(name.encode(), b"").decode("utf-8", "replace")

    def number(name: str) -> int:
        return int(record.get(name.encode()) or 0)

    return Letter(
        job_id=job_id,
        raw=record.get(b"raw", b""),
        error_class=word("error_class"),
        code=word("error_code"),
        error=word("error"),
        hint=word("hint"),
        attempts=number("attempt"),
        crashes=number("crashes"),
        setbacks=number("setbacks"),
        holder=word("slot"),
        last_beat_ms=number("beat_ms") or None,
    )


def waiting(queue: JobQueue, limit: int = 100) -> tuple[bytes, ...]:
    """Elements that are next, the next one first: high before all others, bulk after them."""
    found: list[bytes] = []
    for name in (queue.keys.high, queue.keys.ready, queue.keys.bulk):
        page: Any = queue._client.lrange(name, -limit, -1)
        found += reversed(page)
    return tuple(found[:limit])
