"""One look at the queue and its workers, as far as the sources tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import redis

from lomi_ops.domain.autoscale import History, Observation
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.traffic import traffic
from lomi_ops.domain.window import Window
from lomi_ops.errors import DockerUnavailable, LomiError
from lomi_ops.ops.containers import Look
from lomi_ops.ops.fleet_lock import in_the_way
from lomi_ops.ops.scale.prepare import require_service
from lomi_ops.ops.scale.swarm import require_number
from lomi_ops.ops.unknowns import Unknown
from lomi_ops.ops.workers.look import Fleet, members
from lomi_ops.queue import board
from lomi_ops.queue.fleet import FleetLease
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import QueueStats
from lomi_ops.queue.workers import WorkerRegistry

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database

LATELY = timedelta(minutes=10)
"""What photos took in this time is what they take."""
FEW = 20
"""Photos from which a mean means something."""


@dataclass(frozen=True, slots=True)
class Handles:
    """Where a look asks."""

    client: redis.Redis
    queue: JobQueue
    registry: WorkerRegistry
    docker: Look
    database: Database | None
    service: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen, and what could not be."""

    seen: Observation
    unknown: tuple[Unknown, ...] = ()


def look(at: Handles, past: History) -> Sight:
    """`past` is what the look before remembers.

    Raises RedisUnavailable and DockerUnavailable: without the queue or the containers nothing can be decided. NotFound
    where there is no such service, Refused where its number is nobody's to set.
    """
    busy = FleetLease(at.client, at.queue.keys).tenure()
    fleet = members(at.registry, at.docker, at.service, at.lease_s)
    _require(at, fleet)
    photo = _photo(at, past)
    # The queue last: what was seen is as old as its oldest part, and this one has the clock.
    stats, samples = at.queue.stats(), board.samples(at.client, at.queue.keys)
    ours, others = _split(fleet, at.service)
    ready = [each for each in ours if each.works]
    old = sum(each.old for each in ready)
    noted = traffic(samples, stats.server_ms)
    seen = Observation(
        at_ms=stats.server_ms,
        workers=_wanted(fleet, at.service),
        ready=len(ready),
        stopped=sum(each.state is MemberState.STOPPED for each in ours),
        old=old,
        slots=_slots(ready),
        elsewhere=_slots([each for each in others if each.works]),
        ready_jobs=stats.ready,
        high=stats.high,
        bulk=stats.bulk,
        delayed=stats.delayed,
        running=stats.running,
        oldest_s=stats.oldest_age_s,
        traffic=noted,
        sample_age_s=(stats.server_ms - samples[-1].at_ms) / 1000 if samples else None,
        photo_s=photo.seconds,
        photo_ms=photo.asked_ms,
        beat_age_s=min((each.registered.beat_age_s for each in fleet.members if each.registered), default=None),
        busy="" if busy is None else in_the_way(busy).message,
        paused="" if stats.pause is None else f"by {stats.pause.by}: {stats.pause.reason}",
        outages=tuple(each.upstream for each in stats.holds if not each.throttled),
        throttled=_throttled(stats),
    )
    return Sight(seen, tuple(_unknown(seen, photo.why)))


def _require(at: Handles, fleet: Fleet) -> None:
    if fleet.redis is not None:
        raise fleet.redis
    if fleet.docker is not None:
        raise fleet.docker
    if fleet.cluster is None:
        text = "there is no Docker Engine here, so there are no workers to add"
        raise DockerUnavailable(text, hint="name it: docker.host, DOCKER_HOST=ssh://USER@HOST")
    require_service(at.docker.engine, fleet.cluster, at.service)
    swarm = fleet.cluster.swarm_service(at.service)
    if swarm is not None:
        require_number(swarm)


def _wanted(fleet: Fleet, service: str) -> int:
    assert fleet.cluster is not None
    swarm = fleet.cluster.swarm_service(service)
    if swarm is not None:
        return swarm.desired
    return sum(each.state is not MemberState.STOPPED for each in fleet.members if each.container is not None)


def _split(fleet: Fleet, service: str) -> tuple[list[Member], list[Member]]:
    """Workers of the service, and others on the same queue. A Swarm keeps containers of tasks that are over."""
    assert fleet.cluster is not None
    swarm = fleet.cluster.swarm_service(service)
    tasks = {task.short_id for task in swarm.tasks} if swarm is not None else set()
    ours = [each for each in fleet.members if (_host(each) in tasks if swarm else each.container is not None)]
    return ours, [each for each in fleet.members if each not in ours]


def _host(member: Member) -> str:
    if member.container is not None:
        return member.container.short_id
    return member.registered.info.host if member.registered else ""


def _slots(workers: Sequence[Member]) -> int:
    return sum(each.registered.info.slots for each in workers if each.registered)


def _throttled(stats: QueueStats) -> tuple[str, ...]:
    names = {each.upstream for each in stats.holds if each.throttled} | {each.upstream for each in stats.rates}
    return tuple(sorted(names))


@dataclass(frozen=True, slots=True)
class _Photo:
    """What a photo takes, or why nobody knows."""

    seconds: float | None = None
    why: str = ""
    asked_ms: int | None = None
    """Where it was asked of `media`."""


def _photo(at: Handles, past: History) -> _Photo:
    if at.database is None:
        return _Photo(why="no database is configured")
    try:
        return _asked(at, at.database, past)
    except LomiError as failure:
        return _Photo(why=failure.message)


def _asked(at: Handles, database: Database, past: History) -> _Photo:
    """The log of decisions has an index by time. `media` has none, and is the app's: it is read through once in ten
    minutes, whoever looks."""
    from lomi_ops.db import media, reports

    logged, now_ms = media.has_lomi_schema(database), at.queue.now_ms()
    if not logged and past.photo_ms is not None and 0 <= now_ms - past.photo_ms < LATELY.total_seconds() * 1000:
        return _Photo(past.photo_s, _few(None), past.photo_ms)
    now = database.now()
    work = reports.work(database, Window(now - LATELY, now), logged=logged)
    seconds = work.mean_ms / 1000 if work.mean_ms is not None and work.decided >= FEW else None
    return _Photo(seconds, _few(work.decided), None if logged else now_ms)


def _few(decided: int | None) -> str:
    return f"{'too few' if decided is None else decided} photos decided within ten minutes"


def _unknown(seen: Observation, why: str) -> list[Unknown]:
    found = []
    if seen.old:
        text = "what comes, goes and runs beside old workers is not known: the length of the queue decides alone"
        found.append(Unknown(text, "lomi worker"))
    elif seen.traffic is None and seen.ready:
        text = "how much comes and goes has been noted for too short a time: the length of the queue decides alone"
        found.append(Unknown(text, "lomi queue stats"))
    if seen.photo_s is None:
        found.append(Unknown(f"how long a photo takes is not known: {why}", "lomi report"))
    return found
