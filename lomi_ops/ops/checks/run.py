"""The list of checks, and the run: what rests on something that failed is blocked, the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Status, blocked_by
from lomi_ops.errors import LomiError, Transient
from lomi_ops.ops.checks import probes
from lomi_ops.ops.checks.probes import Handles

Probe = Callable[[Handles], Found]


def _spec(number: str, slug: str, sentence: str, *needs: str) -> CheckSpec:
    category = slug.partition(".")[0]
    return CheckSpec(f"LOMI-{number}", slug, category, sentence, needs)


CHECKS: tuple[tuple[CheckSpec, Probe], ...] = (
    (_spec("REDIS-001", "redis.ping", "Redis answers"), probes.redis_ping),
    (_spec("REDIS-003", "redis.maxmemory_policy", "Redis never evicts", "redis.ping"), probes.redis_policy),
    (_spec("REDIS-004", "redis.persistence", "Redis keeps the queue on disk", "redis.ping"), probes.redis_persistence),
    (_spec("QUEUE-001", "queue.backlog", "the queue is near empty", "redis.ping"), probes.queue_backlog),
    (_spec("QUEUE-002", "queue.oldest", "the next job is young", "redis.ping"), probes.queue_oldest),
    (_spec("QUEUE-003", "queue.dead", "no job was given up on", "redis.ping"), probes.queue_dead),
    (_spec("QUEUE-004", "queue.open", "claims are open", "redis.ping"), probes.queue_paused),
    (_spec("QUEUE-005", "queue.heard", "results are heard", "redis.ping"), probes.queue_heard),
    (_spec("WORKER-001", "workers.alive", "workers beat", "redis.ping"), probes.workers_alive),
    (_spec("WORKER-002", "workers.models", "workers agree on their models", "redis.ping"), probes.workers_models),
    (_spec("DB-001", "postgres.ping", "Postgres answers"), probes.postgres_ping),
    (_spec("DB-002", "postgres.media", "the moderation migration is applied", "postgres.ping"), probes.media_table),
    (_spec("DB-003", "postgres.schema", "lomi's own schema is current", "postgres.ping"), probes.lomi_schema),
    (_spec("DB-004", "postgres.pending", "no photo is forgotten", "postgres.media"), probes.photos_waiting),
    (_spec("OBJECTS-001", "objects.read", "the object store answers"), probes.objects_list),
    (_spec("FACES-001", "faces.health", "CompreFace answers"), probes.faces_health),
    (_spec("FACES-002", "faces.key", "CompreFace has a key of its own", "faces.health"), probes.faces_key),
)


def run_checks(at: Handles, checks: Sequence[tuple[CheckSpec, Probe]] = CHECKS) -> list[CheckResult]:
    """Every check once, in the declared order; what it needs comes before it."""
    results: dict[str, CheckResult] = {}
    for spec, probe in checks:
        results[spec.slug] = _one(spec, probe, at, results)
    return list(results.values())


def _one(spec: CheckSpec, probe: Probe, at: Handles, before: dict[str, CheckResult]) -> CheckResult:
    cause = blocked_by(spec, before)
    if cause is not None:
        return CheckResult(spec, Found(Status.BLOCKED, f"needs {cause}"))
    started = time.perf_counter()
    found = _look(probe, at)
    return CheckResult(spec, found, (time.perf_counter() - started) * 1000)


def _look(probe: Probe, at: Handles) -> Found:
    """Unreachable is a failed check of the thing itself; only what nobody can tell is unknown."""
    try:
        return probe(at)
    except Transient as outage:
        return Found(Status.FAIL, outage.message, outage.hint)
    except LomiError as failure:
        return Found(Status.FAIL, failure.message, failure.hint)
