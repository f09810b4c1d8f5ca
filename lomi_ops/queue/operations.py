"""Operations on many jobs: planned as a whole, done in small steps, and undone in small steps.

An operation lives in Redis beside the jobs: its plan (job ids still to be touched), its log (those that were), and who
wanted it. A step is one script, so whoever is killed between two steps leaves an operation that anybody can go on with;
and a step of two people at once is two steps. Everything is kept for a week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import redis

from lomi_ops.domain.job_state import JobState
from lomi_ops.errors import Conflict, NotFound
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.fields import Fields, number, word
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import Reply, Scripts, count, ms, text

KEEP_S = 7 * 24 * 3600.0
"""So long an operation can be looked at and undone; `common.lua` keeps the records of waiting jobs for as long."""
STEP = 5
"""Jobs in one script: some twenty commands each, together a third of a millisecond of the server's time."""
PLANNED_AT_ONCE = 500


class Verb(StrEnum):
    """What can be done to many jobs."""

    RETRY = "retry"
    """Dead letters get all their attempts again, delayed jobs need not wait."""
    DELETE = "delete"
    """Dead letters are no longer kept."""
    CANCEL = "cancel"
    """Jobs that wait, are delayed or run shall not be judged."""

    @property
    def acts_on(self) -> frozenset[JobState]:
        return {
            Verb.RETRY: frozenset({JobState.DEAD, JobState.DELAYED}),
            Verb.DELETE: frozenset({JobState.DEAD}),
            Verb.CANCEL: frozenset({JobState.READY, JobState.DELAYED, JobState.RUNNING}),
        }[self]


class OperationState(StrEnum):
    PLANNING = "planning"
    """Its plan is not whole: nothing was touched, and nothing will be."""
    RUNNING = "running"
    FINISHED = "finished"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done."""

    op: str
    """Its name, for `undo`."""
    verb: Verb
    by: str
    reason: str
    filter: str
    """As it was typed."""
    bulk: bool = False
    """Retried jobs go behind everything else instead of to the front."""
    for_good: bool = False
    """Deleted dead letters leave nothing behind: no undo."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation, or its undoing, is."""

    state: OperationState
    left: int
    done: int
    skipped: int
    """Jobs that did not stand any more as the verb needs; of an undoing, those that have moved on."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as it is remembered."""

    op: str
    verb: Verb
    state: OperationState
    by: str
    reason: str
    filter: str
    total: int
    done: int
    skipped: int
    undone: int
    moved_on: int
    opened_ms: int
    ended_ms: int | None
    undone_by: str
    for_good: bool


class Operations:
    """The operations of one queue. Every method raises RedisUnavailable; every step is safe to repeat."""

    def __init__(self, client: redis.Redis, keys: Keys | None = None) -> None:
        self.keys = keys or Keys()
        self._client = client
        self._scripts = Scripts(client, self.keys)

    def open(self, order: Order, job_ids: Sequence[str]) -> None:
        """Writes the whole plan down; then, and not before, it can be stepped. Raises Conflict for a name in use."""
        for at in range(0, max(1, len(job_ids)), PLANNED_AT_ONCE):
            reply = self._scripts.run(
                "op_open",
                [self.keys.op(order.op), self.keys.op_plan(order.op)],
                [
                    order.op, ms(KEEP_S), at, len(job_ids), order.verb.value, "bulk" if order.bulk else "normal",
                    int(order.for_good), order.by, order.reason, order.filter, *job_ids[at : at + PLANNED_AT_ONCE],
                ],
            )  # fmt: skip
            if reply[0] == b"CONFLICT" and text(reply[1]) != OperationState.RUNNING:
                raise Conflict(f"operation {order.op} is {text(reply[1])} already", hint="lomi queue ops")

    def step(self, op: str) -> Progress:
        """The next few jobs, `STEP` at most. Raises NotFound."""
        return _progress(op, self._scripts.run("op_act", self._keys_of(op), [op, STEP, ms(KEEP_S)]))

    def undo_step(self, op: str, by: str) -> Progress:
        """Takes back the last few jobs that were touched. Raises NotFound."""
        return _progress(op, self._scripts.run("op_undo", self._keys_of(op), [op, STEP, ms(KEEP_S), by]))

    def get(self, op: str) -> Operation:
        """Raises NotFound, also once it is forgotten."""
        with guarded(self._client, "an operation"):
            found = cast("Fields", self._client.hgetall(self.keys.op(op)))
        if not found:
            raise NotFound(f"there is no operation {op}; they are kept for seven days", hint="lomi queue ops")
        return _operation(op, found)

    def latest(self, limit: int = 20) -> tuple[Operation, ...]:
        """The latest first; two round trips."""
        with guarded(self._client, "the operations"), self._client.pipeline(transaction=False) as pipe:
            names = cast("list[bytes]", self._client.zrange(self.keys.ops, 0, limit - 1, desc=True))
            for name in names:
                pipe.hgetall(self.keys.op(text(name)))
            return tuple(
                _operation(text(name), found) for name, found in zip(names, pipe.execute(), strict=True) if found
            )

    def undoable(self, op: str) -> int:
        """How many jobs an undo would look at."""
        with guarded(self._client, "an operation"):
            return int(call(self._client, "LLEN", self.keys.op_log(op)))

    def _keys_of(self, op: str) -> list[str]:
        return [self.keys.op(op), self.keys.op_plan(op), self.keys.op_log(op)]


def _progress(op: str, reply: Reply) -> Progress:
    if reply[0] == b"missing":
        raise NotFound(f"there is no operation {op}; they are kept for seven days", hint="lomi queue ops")
    return Progress(OperationState(text(reply[0])), *(count(number) for number in reply[1:4]))


def _operation(op: str, fields: Fields) -> Operation:
    return Operation(
        op=op,
        verb=Verb(word(fields, b"verb")),
        state=OperationState(word(fields, b"state")),
        by=word(fields, b"by"),
        reason=word(fields, b"reason"),
        filter=word(fields, b"filter"),
        total=number(fields, b"total"),
        done=number(fields, b"done"),
        skipped=number(fields, b"skipped"),
        undone=number(fields, b"undone"),
        moved_on=number(fields, b"moved_on"),
        opened_ms=number(fields, b"opened_ms"),
        ended_ms=number(fields, b"ended_ms") or None,
        undone_by=word(fields, b"undone_by"),
        for_good=number(fields, b"for_good") == 1,
    )
