"""Facts about the way of photos: containers, queue, pending rows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import islice

from lomi_ops.domain import job_filter
from lomi_ops.domain.check import Status
from lomi_ops.domain.container_rules import Trouble, service_troubles
from lomi_ops.domain.diagnosis import Failure
from lomi_ops.domain.diagnosis_flow import FlowFacts, Held, QueueFacts
from lomi_ops.domain.reconcile import Bucket
from lomi_ops.domain.stuck import RUNS_S
from lomi_ops.ops.doctor.handles import Handles, asked
from lomi_ops.ops.doctor.last_words import last_words
from lomi_ops.ops.reconcile import run
from lomi_ops.ops.reconcile.outcome import Order
from lomi_ops.queue import board, entries
from lomi_ops.queue.survey import listeners

DEAD = 500
"""Dead letters whose reasons are counted."""


def facts(at: Handles, now: datetime) -> FlowFacts:
    """Raises nothing: what could not be asked is in the facts."""
    queue = asked("redis", lambda: queue_facts(at))
    postgres = asked("postgres", at.database.ping)
    pending = None
    if not isinstance(queue, Failure) and not isinstance(postgres, Failure):
        pending = asked("postgres", lambda: _pending(at, now))
    services = _services(at)
    failed = next((each for each in (postgres, pending) if isinstance(each, Failure)), None)
    return FlowFacts(
        queue=None if isinstance(queue, Failure) else queue,
        pending=None if isinstance(pending, Failure) else pending,
        dead_codes={} if isinstance(queue, Failure) or not queue.dead else _dead_codes(at),
        services=services,
        last_words=last_words(at, services),
        redis=queue if isinstance(queue, Failure) else None,
        postgres=failed,
        stack=str(at.stack or ""),
    )


def queue_facts(at: Handles) -> QueueFacts:
    """Raises RedisUnavailable."""
    stats, ages = at.queue.stats(), board.ages(at.redis, at.queue.keys)
    long = sorted((each for each in ages.running_s if each[1] > RUNS_S), key=lambda each: -each[1])
    return QueueFacts(
        waiting=stats.waiting,
        delayed=stats.delayed,
        running=stats.running,
        dead=stats.dead,
        unsent=stats.unsent,
        listeners=listeners(at.redis),
        oldest_s=stats.oldest_age_s,
        unheard_s=ages.unheard_s,
        overdue=ages.overdue,
        running_long=tuple(long),
        paused_by=(stats.pause.by or "somebody") if stats.pause else "",
        pause_reason=stats.pause.reason if stats.pause else "",
        held=tuple(Held(hold.upstream, (stats.server_ms - hold.since_ms) / 1000, hold.reason) for hold in stats.holds),
        has_backend=at.stack is None or bool(at.settings.backend.url),
    )


def _dead_codes(at: Handles) -> dict[str, int]:
    """The most frequent first; empty where Redis has gone away in between."""
    found = asked("redis", lambda: Counter(each.code or each.error_class or "unknown" for each in islice(
        entries.find(at.redis, at.queue.keys, job_filter.parse(["state:dead"]), ordered=True), DEAD)))  # fmt: skip
    return {} if isinstance(found, Failure) else dict(found.most_common())


def _pending(at: Handles, now: datetime) -> dict[Bucket, int]:
    """What became of every pending photo: as reconciling sees it, which changes nothing here."""
    handles = run.Handles(at.database, at.queue, at.redis, at.settings.objects.bucket_photos, link=lambda key: "")
    outcome = run.reconcile(handles, Order(actor="lomi doctor", at=now, dry_run=True, limit=1))
    return dict(outcome.counts)


def _services(at: Handles) -> tuple[Trouble, ...]:
    """Troubles of containers that exist: a service that has none here may run anywhere."""
    if at.docker.engine.place is None:
        return ()
    cluster = asked("docker", at.docker.cluster)
    if isinstance(cluster, Failure) or cluster.empty:
        return ()
    section = at.settings.docker
    names = (section.postgres_service, section.redis_service, section.backend_service)
    present = [name for name in names if name and cluster.has(name)]
    return tuple(each for name in present for each in service_troubles(cluster, name) if each.status is not Status.WARN)
