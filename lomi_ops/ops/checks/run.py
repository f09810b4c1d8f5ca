"""The list of checks, and the run: what rests on something that failed is blocked, the rest goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Status, blocked_by
from lomi_ops.errors import DatabaseUnavailable, LomiError, RedisUnavailable, Transient
from lomi_ops.ops.checks import probes
from lomi_ops.ops.checks.probes import Handles

LIMIT_S = 15.0
"""For one check. The clients give up before that and say more; this is for a server that falls silent in between."""
_HUNG_HINT = "see whether the service hangs; its own log says more than we can"
_LOST_HINT = "see whether it runs where we look for it: lomi config show --origin"

Probe = Callable[[Handles], Found]
Checks = Sequence[tuple[CheckSpec, Probe]]


def _spec(number: str, slug: str, sentence: str, *needs: str) -> CheckSpec:
    category = slug.partition(".")[0]
    return CheckSpec(f"LOMI-{number}", slug, category, sentence, needs)


CHECKS: Checks = (
    (_spec("REDIS-001", "redis.ping", "Redis answers"), probes.redis_ping),
    (_spec("REDIS-002", "redis.version", "Redis is young enough", "redis.ping"), probes.redis_version),
    (_spec("REDIS-003", "redis.maxmemory_policy", "Redis never evicts", "redis.ping"), probes.redis_policy),
    (_spec("REDIS-004", "redis.persistence", "Redis keeps the queue on disk", "redis.ping"), probes.redis_persistence),
    (_spec("QUEUE-001", "queue.backlog", "the queue is near empty", "redis.ping"), probes.queue_backlog),
    (_spec("QUEUE-002", "queue.oldest", "the next job is young", "redis.ping"), probes.queue_oldest),
    (_spec("QUEUE-003", "queue.dead", "no job was given up on", "redis.ping"), probes.queue_dead),
    (_spec("QUEUE-004", "queue.open", "claims are open", "redis.ping"), probes.queue_paused),
    (_spec("QUEUE-005", "queue.heard", "results are heard", "redis.ping"), probes.queue_heard),
    (_spec("QUEUE-006", "queue.stuck", "nothing in the queue stands still", "redis.ping"), probes.queue_stuck),
    (_spec("WORKER-001", "workers.alive", "workers beat", "redis.ping"), probes.workers_alive),
    (_spec("WORKER-002", "workers.models", "workers agree on their models", "redis.ping"), probes.workers_models),
    (_spec("DB-001", "postgres.ping", "Postgres answers"), probes.postgres_ping),
    (_spec("DB-002", "postgres.media", "the moderation migration is applied", "postgres.ping"), probes.media_table),
    (_spec("DB-003", "postgres.schema", "lomi's own schema is current", "postgres.ping"), probes.lomi_schema),
    (_spec("DB-004", "postgres.pending", "no photo is forgotten", "postgres.media"), probes.photos_waiting),
    (_spec("OBJECTS-001", "objects.read", "the object store answers"), probes.objects_read),
    (_spec("FACES-001", "faces.health", "CompreFace answers"), probes.faces_health),
    (_spec("FACES-002", "faces.key", "CompreFace has a key of its own", "faces.health"), probes.faces_key),
)


def run_checks(at: Handles, checks: Checks = CHECKS, *, limit_s: float = LIMIT_S) -> Iterator[CheckResult]:
    """Every check once, all at the same time as far as their needs allow; in the declared order, each as soon as it
    and those before it are known. What a check needs stands before it in the list.
    """
    running: dict[str, Future[CheckResult]] = {}
    for spec, probe in checks:
        running[spec.slug] = _start(spec, probe, at, {slug: running[slug] for slug in spec.needs}, limit_s)
    for future in running.values():
        yield future.result()


def _start(
    spec: CheckSpec, probe: Probe, at: Handles, needs: dict[str, Future[CheckResult]], limit_s: float
) -> Future[CheckResult]:
    done: Future[CheckResult] = Future()

    def follow() -> None:
        before = {slug: need.result() for slug, need in needs.items()}
        cause = blocked_by(spec, before)
        if cause is not None:
            done.set_result(CheckResult(spec, Found(Status.BLOCKED, f"needs {cause}")))
            return
        started = time.perf_counter()
        found = _within(limit_s, lambda: _look(probe, at))
        done.set_result(CheckResult(spec, found, (time.perf_counter() - started) * 1000))

    _in_background(follow, spec.slug)
    return done


def _within(limit_s: float, look: Callable[[], Found]) -> Found:
    """What `look` finds, unless it takes too long: then it is left behind, and ends with the process."""
    found: Future[Found] = Future()
    _in_background(lambda: found.set_result(look()), "probe")
    try:
        return found.result(limit_s)
    except TimeoutError:
        return Found(Status.UNKNOWN, f"timeout: no answer within {limit_s:g} s", _HUNG_HINT)


def _in_background(work: Callable[[], None], name: str) -> None:
    """Not a pool: its threads are waited for when the process ends, and a hung one would hold up the exit."""
    threading.Thread(target=work, name=f"check {name}", daemon=True).start()


def _look(probe: Probe, at: Handles) -> Found:
    """Unreachable is a failed check of the thing itself; where no answer came in time, nobody can tell."""
    try:
        return probe(at)
    except LomiError as failure:
        hint = _hint(failure, at)
        if isinstance(failure, Transient) and probes.timed_out(failure):
            return Found(Status.UNKNOWN, f"timeout: {failure.message}", hint)
        return Found(Status.FAIL, failure.message, hint)
    except Exception as bug:  # noqa: BLE001 - one broken check must not silence the others
        return Found(Status.UNKNOWN, f"the check itself broke: {type(bug).__name__}: {bug}", "lomi --debug check")


def _hint(failure: LomiError, at: Handles) -> str:
    if at.stack is not None and isinstance(failure, RedisUnavailable | DatabaseUnavailable):
        return f"lomi up --data {at.stack}"
    # To look again is what somebody does already.
    return _LOST_HINT if failure.hint in ("", "lomi check") else failure.hint
