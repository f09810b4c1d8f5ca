"""Why photos stay pending, or nobody hears of them. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lomi_ops.domain import span
from lomi_ops.domain.container_rules import Trouble
from lomi_ops.domain.diagnosis import Failure, Finding, Gravity, counted, unreachable
from lomi_ops.domain.reconcile import Bucket
from lomi_ops.domain.stuck import OVERDUE_S, RUNS_S

_LISTENER = "lomi check --only docker.backend --only queue.listened"
BACKLOG_S = 60.0
"""A job that has waited for longer waits for somebody who does not come."""


@dataclass(frozen=True, slots=True)
class Held:
    """An upstream for which claims wait."""

    upstream: str
    since_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """The queue at one moment."""

    waiting: int
    delayed: int
    running: int
    dead: int
    unsent: int
    listeners: int
    """Subscribers of `moderation_results`."""
    oldest_s: float | None = None
    unheard_s: float | None = None
    """Since the oldest message was published to nobody."""
    overdue: int = 0
    running_long: tuple[tuple[str, float], ...] = ()
    """Job and time in seconds, of what runs for longer than anything should; the longest first."""
    paused_by: str = ""
    pause_reason: str = ""
    held: tuple[Held, ...] = ()
    has_backend: bool = True
    """False on a local stack, where nobody is to hear anything."""


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """Everything that the flow of photos shows; None where a source did not answer."""

    queue: QueueFacts | None = None
    pending: Mapping[Bucket, int] | None = None
    """Pending photos by what became of them."""
    dead_codes: Mapping[str, int] = field(default_factory=dict)
    """Dead letters by the code of their error; not all of a large number."""
    services: Sequence[Trouble] = ()
    """Troubles of the containers of Postgres, Redis and the backend, the worst first."""
    last_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the logs of these containers, by name."""
    redis: Failure | None = None
    postgres: Failure | None = None
    stack: str = ""
    """The folder of the local stack that the services are from, if they are."""


def flow_findings(facts: FlowFacts) -> Iterator[Finding]:
    yield from _sources(facts)
    if facts.queue is not None:
        yield from _queue(facts.queue, facts.dead_codes)
    if facts.pending is not None:
        yield from _pending(facts.pending)


def _sources(facts: FlowFacts) -> Iterator[Finding]:
    for trouble in facts.services:
        why = "photos pass through each of Postgres, Redis and the backend"
        gravity = Gravity.WRONG if trouble.status == "fail" else Gravity.UNKNOWN
        lines = tuple(line for name in trouble.names for line in facts.last_words.get(name, ()))
        yield Finding("flow.containers", gravity, trouble.what, why, trouble.next, lines)
    start = shlex.join(["lomi", "up", "--data", facts.stack]) if facts.stack else ""
    if facts.redis is not None:
        why = "the backend cannot queue photos, and workers get none"
        yield unreachable("flow.redis", facts.redis, why, start or "lomi check --only redis")
    if facts.postgres is not None:
        why = "no decision can be written down, so none is taken"
        yield unreachable("flow.postgres", facts.postgres, why, start or "lomi check --only postgres")


def _queue(queue: QueueFacts, dead_codes: Mapping[str, int]) -> Iterator[Finding]:
    if queue.paused_by:
        seen = f"the queue is paused by {queue.paused_by}: {queue.pause_reason}"
        yield Finding(
            "flow.paused", Gravity.WRONG, seen, "no worker takes a job until it is resumed", "lomi queue resume"
        )
    for held in queue.held:
        seen = f"claims wait for {held.upstream} since {span.said(held.since_s)}: {held.reason}"
        command = "lomi doctor compreface" if held.upstream == "faces" else "lomi check"
        why = "photos wait until it answers again, and past a limit they go to a person"
        yield Finding("flow.held", Gravity.WRONG, seen, why, command)
    if queue.running_long:
        job_id, age_s = queue.running_long[0]
        jobs = counted(len(queue.running_long), "job runs", "jobs run")
        seen = f"{jobs} for more than {span.said(RUNS_S)}, up to {span.said(age_s)}"
        yield Finding("flow.running_long", Gravity.WRONG, seen, "its worker hangs", f"lomi queue show {job_id}")
    if queue.overdue:
        seen = f"{counted(queue.overdue, 'job')} should have been tried again {span.said(OVERDUE_S)} ago"
        yield Finding("flow.overdue", Gravity.WRONG, seen, "no worker of lomi promotes them", "lomi doctor workers")
    if queue.dead:
        codes = ", ".join(f"{number} {code}" for code, number in dead_codes.items())
        seen = counted(queue.dead, "dead letter") + (f": {codes}" if codes else "")
        yield Finding(
            "flow.dead", Gravity.WRONG, seen, "their photos stay pending until a person decides", "lomi queue dead"
        )
    yield from _heard(queue)
    if queue.waiting and queue.oldest_s is not None and queue.oldest_s > BACKLOG_S and not queue.paused_by:
        seen = f"{counted(queue.waiting, 'job waits', 'jobs wait')}, the next one for {span.said(queue.oldest_s)}"
        yield Finding("flow.backlog", Gravity.WRONG, seen, "people wait for their photos", "lomi doctor workers")


def _heard(queue: QueueFacts) -> Iterator[Finding]:
    if not queue.has_backend and not queue.listeners:
        return
    if queue.unsent:
        since = f", the oldest for {span.said(queue.unheard_s)}" if queue.unheard_s else ""
        seen = f"{counted(queue.unsent, 'result was', 'results were')} published and not heard{since}"
        why = "the app does not show these decisions, and nobody was told"
        yield Finding("flow.unheard", Gravity.WRONG, seen, why, _LISTENER)
    elif not queue.listeners:
        why = "what workers publish now is lost to people: old workers do not send it again"
        seen = "nobody listens on moderation_results"
        yield Finding("flow.listeners", Gravity.WRONG, seen, why, _LISTENER)


_BUCKETS: Mapping[Bucket, tuple[str, str, str, str]] = {
    Bucket.LOST: (
        "flow.lost", "pending, and no job in the queue names them",
        "the backend ended before it queued them, Redis lost its data, or an old worker was stopped with them in hand",
        "lomi reconcile --dry-run",
    ),
    Bucket.NEVER_QUEUED: (
        "flow.never_queued", "pending with the zero UUID as batch",
        "the old upload endpoint never queues its photos: no worker will ever look at them", "lomi reconcile --dry-run",
    ),
    Bucket.UNAPPLIED: (
        "flow.unapplied", "decided, but media still calls them pending",
        "the app shows them as pending although the decision log has their decision", "lomi reconcile --dry-run",
    ),
    Bucket.OPEN: (
        "flow.open", "in a job that the ledger holds open and the queue does not have",
        "nothing will happen to them by itself", "lomi jobs history",
    ),
    Bucket.APPROVED_BEFORE: (
        "flow.approved_before", "approved before there was moderation, and pending since",
        "the migration has not given them their status: the app hides them", "lomi migrate apply",
    ),
    Bucket.NO_KEY: (
        "flow.no_key", "pending without an object's key",
        "no job can name them: their rows in media need a person", "lomi reconcile --dry-run",
    ),
}  # fmt: skip
_NOTES: Mapping[Bucket, tuple[str, str, str, str]] = {
    Bucket.IN_REVIEW: (
        "flow.in_review", "in review", "they are pending for the app until a person decides",
        "lomi review list --queue waiting",
    ),
    Bucket.YOUNG: ("flow.young", "uploaded a moment ago", "they may still be on their way into the queue", ""),
}  # fmt: skip


def _pending(pending: Mapping[Bucket, int]) -> Iterator[Finding]:
    for texts, gravity in ((_BUCKETS, Gravity.WRONG), (_NOTES, Gravity.NOTE)):
        for bucket, (finding_id, seen, why, command) in texts.items():
            if number := pending.get(bucket, 0):
                yield Finding(finding_id, gravity, f"{counted(number, 'photo')} {seen}", why, command)
