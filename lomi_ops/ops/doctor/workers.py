"""Facts about workers: those that registered, and the containers of all."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.domain.container import Cluster
from lomi_ops.domain.container_rules import image_troubles, loop_troubles, oom_troubles, service_troubles
from lomi_ops.domain.diagnosis import Failure
from lomi_ops.domain.diagnosis_workers import Contained, Registered, WorkerFacts
from lomi_ops.domain.worker_log import WorkerLog, worker_trouble
from lomi_ops.ops.doctor.flow import queue_facts
from lomi_ops.ops.doctor.handles import Handles, asked
from lomi_ops.queue.workers import WorkerRecord


def facts(at: Handles) -> WorkerFacts:
    """Raises nothing: what could not be asked is in the facts."""
    registered = asked("redis", at.registry.list)
    queue = asked("redis", lambda: queue_facts(at))
    known = None if isinstance(registered, Failure) else tuple(_seen(at, each) for each in registered)
    contained = _contained(at, known or ())
    return WorkerFacts(
        registered=known,
        contained=None if isinstance(contained, Failure) else contained,
        docker=contained if isinstance(contained, Failure) else None,
        waiting=0 if isinstance(queue, Failure) else queue.waiting,
        oldest_s=None if isinstance(queue, Failure) else queue.oldest_s,
    )


def _seen(at: Handles, record: WorkerRecord) -> Registered:
    silent = record.beat_age_s if record.silent(at.settings.worker.lease_s) else None
    return Registered(record.info.name, silent, record.mode.value)


def _contained(at: Handles, registered: Sequence[Registered]) -> Contained | Failure | None:
    """None where there is no engine, or it has nothing of the cluster, or workers run that are in no container."""
    service = at.settings.docker.workers_service
    if at.docker.engine.place is None or service is None:
        return None
    cluster = asked("docker", at.docker.cluster)
    if isinstance(cluster, Failure):
        return cluster
    alive = any(each.silent_s is None for each in registered)
    if cluster.empty or (alive and not cluster.has(service)):
        return None
    logs = asked("docker", lambda: at.docker.worker_logs(service))
    return logs if isinstance(logs, Failure) else _judged(cluster, service, logs, at.settings.checks.workers)


def _judged(cluster: Cluster, service: str, logs: tuple[WorkerLog, ...], wanted: int | None) -> Contained:
    containers = cluster.of(service)
    starts = [(log, trouble) for log in logs if (trouble := worker_trouble(log, cluster.at)) is not None]
    return Contained(
        services=service_troubles(cluster, service, wanted if wanted is not None else max(1, len(containers))),
        killed=oom_troubles(containers, cluster.at),
        loops=loop_troubles(containers, cluster.at),
        images=image_troubles(cluster, service),
        starts=tuple(starts),
        up=cluster.running(service),
    )
