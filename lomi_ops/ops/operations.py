"""Acting on everything that matches a filter: counted first, confirmed by that count, journaled, and undone if wanted.

The journal is twofold. The operation itself lies in Redis beside the jobs, and every step of it is there or not at all.
Who wanted what, and what came of it, is in the audit of Postgres, too: one entry before the first step, one at the end.
"""

from __future__ import annotations

import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import redis

from lomi_ops.domain import confirm
from lomi_ops.domain.audit import AuditEntry
from lomi_ops.domain.confirm import HANDFUL
from lomi_ops.domain.job_filter import JobFacts, JobFilter, by_id
from lomi_ops.domain.job_state import JobState
from lomi_ops.errors import LomiError, NotFound, RedisUnavailable, Refused
from lomi_ops.queue import entries
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.operations import Operations, OperationState, Order, Progress, Verb

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database

Result = TypeVar("Result")

PATIENCE_S = 30.0
"""So long a step is tried again while Redis is away: a restart is no reason to stop half-way."""
PAUSE_S = 0.5
_PLAIN = re.compile(r"[\w.:~ -]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs that a verb would act on."""

    verb: Verb
    needs: frozenset[JobState]
    """The states that it can act on here."""
    job_ids: tuple[str, ...]
    by_state: Mapping[JobState, int]
    left_alone: Mapping[JobState, int]
    """Jobs that were named but stand as the verb cannot use."""

    @property
    def count(self) -> int:
        return len(self.job_ids)

    @property
    def bulk(self) -> bool:
        return self.count > HANDFUL


def plan(client: redis.Redis, keys: Keys, verb: Verb, wanted: JobFilter) -> Plan:
    """All jobs that match and that the verb can act on. Raises RedisUnavailable."""
    found = entries.find(client, keys, wanted.within(verb.acts_on), ordered=False)
    return _plan(verb, verb.acts_on, found)


def plan_named(client: redis.Redis, keys: Keys, verb: Verb, job_ids: Sequence[str], within: JobFilter) -> Plan:
    """The jobs of these ids; those in states that `within` does not allow are left alone. Raises NotFound for the first
    one that the queue does not know."""
    found = {facts.job_id: facts for facts in entries.named(client, keys, job_ids)}
    unseen = [job_id for job_id in job_ids if job_id not in found]
    if unseen:
        waiting = by_id(unseen).within({JobState.READY})
        found |= {facts.job_id: facts for facts in entries.find(client, keys, waiting, ordered=False)}
    for job_id in job_ids:
        if job_id not in found:
            raise NotFound(f"the queue knows no job {job_id}", hint="lomi queue list, or lomi jobs history")
    return _plan(verb, verb.acts_on & within.states if within.terms else verb.acts_on, found.values())


def _plan(verb: Verb, needs: frozenset[JobState], found: Iterable[JobFacts]) -> Plan:
    ids: list[str] = []
    states: Counter[JobState] = Counter()
    others: Counter[JobState] = Counter()
    for facts in found:
        if facts.state in needs:
            ids.append(facts.job_id)
            states[facts.state] += 1
        else:
            others[facts.state] += 1
    return Plan(verb, needs, tuple(ids), states, others)


def require_count(found: Plan, confirmed: int | None, again: str) -> None:
    """Refuses what was not confirmed by its true number. `again` is the command line without the confirmation."""
    none = "lomi queue ops: somebody may have been first"
    confirm.require_count(found.count, confirmed, noun="job", again=again, none=none)


class Journal:
    """The audit of Postgres, as far as there is one. What could not be written down is told, and stops nobody: the
    operation has a journal of its own, and an incident is no time to insist on the second one."""

    def __init__(self, database: Database | None, tell: Callable[[str], None]) -> None:
        self._database = database
        self._tell = tell
        self._told = False

    def note(
        self, actor: str, action: str, subject: str, at: datetime, reason: str = "", **values: Mapping[str, Any]
    ) -> None:
        why = self._write(AuditEntry(actor, action, subject, at, reason, **values))
        if why and not self._told:
            self._told = True
            self._tell(f"not in the audit: {why}")

    def begun(
        self, actor: str, action: str, subject: str, at: datetime, reason: str = "", **values: Mapping[str, Any]
    ) -> None:
        """Before something is done of which a killed process could not tell any more. `note` says at the end whether
        there is an audit at all."""
        self._write(AuditEntry(actor, action, subject, at, reason, **values))

    def _write(self, entry: AuditEntry) -> str:
        """Empty, or why it could not be done."""
        if self._database is None:
            return "no database is configured"
        from lomi_ops.db import audit, media

        try:
            if not media.has_lomi_schema(self._database):
                return "there is no schema lomi here (lomi migrate apply)"
            audit.record(self._database, entry)
        except LomiError as failure:
            return failure.message
        return ""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs operations to their end."""

    operations: Operations
    journal: Journal
    clock: Callable[[], datetime]
    progress: Callable[[int, str], None] = lambda done, what: None
    """Told after every step: how many jobs are through, and what is being done."""
    sleep: Callable[[float], None] = time.sleep

    def begin(self, order: Order, found: Plan) -> Progress:
        """Journals, plans and does it. Raises RedisUnavailable where Redis stays away; then `go_on` continues."""
        before = {"filter": order.filter, "jobs": found.count}
        self._note(order.by, order.verb, order.op, order.reason, before=before)
        self._patiently(order.op, lambda: self.operations.open(order, found.job_ids))
        return self._act(order.op, order.verb, order.by, order.reason, found.count)

    def go_on(self, op: str, by: str) -> Progress:
        """Continues what was interrupted, forwards or backwards. Raises NotFound, Refused."""
        known = self.operations.get(op)
        match known.state:
            case OperationState.PLANNING:
                text = f"operation {op} was interrupted before its plan was whole: it has touched nothing"
                # A shell would take > and * for its own.
                wanted = known.filter if _PLAIN.fullmatch(known.filter) else shlex.quote(known.filter)
                raise Refused(text, hint=f"lomi queue {known.verb.value} {wanted}")
            case OperationState.UNDOING | OperationState.UNDONE:
                return self._undo(op, by)
            case _:
                return self._act(op, known.verb, by, known.reason, known.total)

    def undo(self, op: str, by: str) -> Progress:
        """Puts back what has not moved on since. Raises NotFound, Refused."""
        known = self.operations.get(op)
        if known.for_good:
            raise Refused(f"operation {op} was for good: it kept nothing to put back", hint="lomi reconcile")
        if known.state is OperationState.PLANNING:
            raise Refused(f"operation {op} has touched nothing", hint="lomi queue ops")
        if known.state is OperationState.UNDONE:
            raise Refused(f"operation {op} is undone already, by {known.undone_by}", hint="lomi queue ops")
        self._note(by, "undo", op, "", before={"done": known.done, "skipped": known.skipped})
        return self._undo(op, by)

    def _act(self, op: str, verb: Verb, by: str, reason: str, total: int) -> Progress:
        def step() -> Progress:
            return self.operations.step(op)

        now = self._patiently(op, step)
        while now.state is OperationState.RUNNING:
            self.progress(total - now.left, verb.value)
            now = self._patiently(op, step)
        if now.state is OperationState.FINISHED:
            self._note(by, verb, op, reason, after={"done": now.done, "skipped": now.skipped})
        return now

    def _undo(self, op: str, by: str) -> Progress:
        def step() -> Progress:
            return self.operations.undo_step(op, by)

        now = self._patiently(op, step)
        while now.state is OperationState.UNDOING:
            self.progress(now.done + now.skipped, "undo")
            now = self._patiently(op, step)
        self._note(by, "undo", op, "", after={"undone": now.done, "moved_on": now.skipped})
        return now

    def _note(self, by: str, verb: str, op: str, reason: str, **values: Mapping[str, Any]) -> None:
        self.journal.note(by, f"queue.{verb}", f"op:{op}", self.clock(), reason, **values)

    def _patiently(self, op: str, step: Callable[[], Result]) -> Result:
        waited = 0.0
        while True:
            try:
                return step()
            except RedisUnavailable as outage:
                if waited >= PATIENCE_S:
                    outage.hint = f"lomi queue continue {op}"
                    raise
                self.sleep(PAUSE_S)
                waited += PAUSE_S
