"""What waits, what was given up on, and whether anybody hears the results."""

from __future__ import annotations

from lomi_ops.domain import span
from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.errors import JobError
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.redis import PING
from lomi_ops.ops.checks.words import below, counted
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.odd_answers import HINTS
from lomi_ops.queue.survey import foreign_keys, listeners
from lomi_ops.queue.wire import parse_job

NEXT = 3
"""Elements that runbooks look at: `LRANGE photo_moderation_queue 0 2`."""


def own_keys(at: Handles) -> Found:
    """Nobody uses a key of the queue for something else."""
    foreign = foreign_keys(at.redis, at.queue.keys)
    if not foreign:
        return Found(Status.PASS, "every key has its type")
    wanted = at.queue.keys.types()
    text = "; ".join(f"{name} is a {kind}, no {wanted[name]}" for name, kind in foreign.items())
    return Found(Status.FAIL, text, HINTS["WRONGTYPE"] + ": give one of them a database of its own, redis.db")


def readable(at: Handles) -> Found:
    """What is taken next is a job."""
    ready = at.queue.keys.ready
    with guarded(at.redis, f"LRANGE {ready}"):
        elements: list[bytes] = call(at.redis, "LRANGE", ready, -NEXT, -1)
    broken = [problem for problem in map(_problem, elements) if problem]
    if not broken:
        text = f"the next {len(elements)} elements are jobs" if len(elements) > 1 else "the next element is a job"
        return Found(Status.PASS, text if elements else "nothing waits")
    text = f"{len(broken)} of the next {len(elements)} elements are no jobs: {broken[0]}"
    return Found(Status.FAIL, text, "lomi queue list state:ready; whoever pushes them is to be mended")


def _problem(raw: bytes) -> str:
    try:
        parse_job(raw)
    except JobError as error:
        return error.message
    return ""


def backlog(at: Handles) -> Found:
    waiting = at.queue.stats().waiting
    metric = Metric("jobs_waiting", waiting, at.settings.checks.backlog + 1)
    return below(metric, counted(waiting, "job waits", "jobs wait"), "start more workers: lomi worker")


def oldest(at: Handles) -> Found:
    stats = at.queue.stats()
    if stats.oldest_age_s is None:
        # An element that is not the producer's JSON has no time of birth that we could read.
        return Found(Status.PASS, "nothing waits" if stats.ready == 0 else "the next job does not say how old it is")
    metric = Metric("oldest_age_s", round(stats.oldest_age_s, 1), at.settings.checks.oldest_s)
    text = f"the next job is {span.said(stats.oldest_age_s)} old"
    return below(metric, text, "see who works: lomi workers list; start a worker: lomi worker")


def dead(at: Handles) -> Found:
    number = at.queue.stats().dead
    text = counted(number, "dead letter", "dead letters") if number else "no dead letters"
    return below(Metric("dead_letters", number, fail=1), text, "lomi queue dead")


def open_(at: Handles) -> Found:
    stats = at.queue.stats()
    if stats.pause is not None:
        text = f"paused by {stats.pause.by}: {stats.pause.reason}"
        return Found(Status.WARN, text, "once it may go on: lomi queue resume")
    if stats.holds:
        names = ", ".join(hold.upstream for hold in stats.holds)
        return Found(Status.WARN, f"claims wait for {names}", "lomi queue stats")
    return Found(Status.PASS, "claims are open")


def heard(at: Handles) -> Found:
    unsent = at.queue.stats().unsent
    if unsent == 0:
        return Found(Status.PASS, "every result was heard", metric=Metric("results_unheard", 0, 1))
    if _alone(at):
        return Found(Status.SKIP, _ALONE, metric=Metric("results_unheard", unsent))
    text = f"{counted(unsent, 'result', 'results')} had no listener on {RESULTS_CHANNEL}"
    hint = "start the backend: workers send them again when it listens"
    return below(Metric("results_unheard", unsent, 1), text, hint)


def listened(at: Handles) -> Found:
    number = listeners(at.redis)
    metric = Metric("listeners", number)
    if number:
        text = f"{counted(number, 'subscriber', 'subscribers')} on {RESULTS_CHANNEL}"
        return Found(Status.PASS, text, metric=metric)
    if _alone(at):
        return Found(Status.SKIP, _ALONE, metric=metric)
    hint = "start the backend: until it listens, people get no message"
    return Found(Status.FAIL, f"nobody listens on {RESULTS_CHANNEL}", hint, metric=metric)


def _alone(at: Handles) -> bool:
    return at.stack is not None and not at.settings.backend.url


def stuck(at: Handles) -> Found:
    found = at.queue.stuck()
    if not found:
        return Found(Status.PASS, "everything moves")
    return Found(Status.FAIL, "; ".join(each.what for each in found), found[0].command)


_ALONE = "a local stack has no backend"
KEYS = "queue.keys"
_ON = (KEYS,)

CHECKS = (
    Check(CheckSpec("LOMI-QUEUE-009", KEYS, "the queue's keys are the queue's", "redis-cli TYPE photo_moderation_queue",
                    (PING,), target="redis"), own_keys),
    Check(CheckSpec("LOMI-QUEUE-008", "queue.readable", "what waits are jobs", "lomi queue list state:ready", _ON,
                    target="redis"), readable),
    Check(CheckSpec("LOMI-QUEUE-001", "queue.backlog", "the queue is near empty", "lomi worker", _ON,
                    Severity.WARNING, target="redis", scopes=CLUSTER, eventual=True), backlog),
    Check(CheckSpec("LOMI-QUEUE-002", "queue.oldest", "the next job is young", "lomi top --once", _ON,
                    Severity.WARNING, target="redis", scopes=CLUSTER, eventual=True), oldest),
    Check(CheckSpec("LOMI-QUEUE-003", "queue.dead", "no job was given up on", "lomi queue dead", _ON,
                    target="redis", scopes=CLUSTER), dead),
    Check(CheckSpec("LOMI-QUEUE-004", "queue.open", "claims are open", "lomi queue resume", _ON,
                    Severity.WARNING, target="redis", scopes=CLUSTER), open_),
    Check(CheckSpec("LOMI-QUEUE-005", "queue.heard", "results are heard", "lomi queue stats", _ON,
                    Severity.WARNING, target="redis", scopes=CLUSTER, eventual=True), heard),
    Check(CheckSpec("LOMI-QUEUE-007", "queue.listened", "somebody listens for results",
                    "docker compose -f docker-compose.prod.yml restart backend", (PING,), target="redis",
                    scopes=CLUSTER, eventual=True), listened),
    Check(CheckSpec("LOMI-QUEUE-006", "queue.stuck", "nothing in the queue stands still", "lomi queue stats", _ON,
                    target="redis", scopes=CLUSTER), stuck),
)  # fmt: skip
