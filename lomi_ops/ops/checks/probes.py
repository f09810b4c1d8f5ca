"""What each check looks at. A probe measures one thing and says what it saw; it never raises for weather."""

from __future__ import annotations

from dataclasses import dataclass

import redis

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db import media, migrate
from lomi_ops.db.pool import Database
from lomi_ops.domain.check import Found, Status
from lomi_ops.queue.client import inspect
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import WorkerRegistry

BACKLOG = 10
"""Jobs waiting from which operators were told to add workers."""
OLDEST_S = 60.0
BEAT_S = 15.0
"""A worker beats every 4 s: three missed beats are a lease, and something on top for a slow machine."""


@dataclass(frozen=True, slots=True)
class Handles:
    """What probes look at."""

    redis: redis.Redis
    queue: JobQueue
    registry: WorkerRegistry
    database: Database
    objects: ObjectStore
    faces: FaceService | None
    bucket: str


def redis_ping(at: Handles) -> Found:
    server = inspect(at.redis)
    return Found(Status.PASS, f"{server.name} {server.version}")


def redis_policy(at: Handles) -> Found:
    policy = inspect(at.redis).policy
    if policy == "noeviction":
        return Found(Status.PASS, policy)
    if policy == "unknown":
        return Found(Status.UNKNOWN, "the server does not say", "redis-cli CONFIG GET maxmemory-policy")
    fix = "redis-cli CONFIG SET maxmemory-policy noeviction"
    return Found(Status.FAIL, f"{policy}: jobs are thrown away when memory is full", fix)


def redis_persistence(at: Handles) -> Found:
    if inspect(at.redis).appendonly:
        return Found(Status.PASS, "append-only file is on")
    return Found(Status.WARN, "a restart loses the queue", "redis-cli CONFIG SET appendonly yes")


def queue_backlog(at: Handles) -> Found:
    waiting = at.queue.stats().waiting
    status = Status.PASS if waiting <= BACKLOG else Status.WARN
    return Found(status, f"{waiting} jobs wait", "" if status is Status.PASS else "start more workers: lomi worker")


def queue_oldest(at: Handles) -> Found:
    age = at.queue.stats().oldest_age_s
    if age is None:
        return Found(Status.PASS, "nothing waits")
    status = Status.PASS if age <= OLDEST_S else Status.WARN
    return Found(status, f"the next job is {age:.0f} s old", "" if status is Status.PASS else "lomi top --once")


def queue_dead(at: Handles) -> Found:
    dead = at.queue.stats().dead
    if dead == 0:
        return Found(Status.PASS, "no dead letters")
    return Found(Status.FAIL, f"{dead} dead letters", "lomi queue dead")


def queue_paused(at: Handles) -> Found:
    stats = at.queue.stats()
    if stats.pause is not None:
        return Found(Status.WARN, f"paused by {stats.pause.by}: {stats.pause.reason}", "lomi queue stats")
    if stats.holds:
        names = ", ".join(hold.upstream for hold in stats.holds)
        return Found(Status.WARN, f"claims wait for {names}", "lomi queue stats")
    return Found(Status.PASS, "claims are open")


def queue_heard(at: Handles) -> Found:
    unsent = at.queue.stats().unsent
    if unsent == 0:
        return Found(Status.PASS, "every result was heard")
    return Found(Status.WARN, f"{unsent} results had no listener on moderation_results", "start the backend")


def workers_alive(at: Handles) -> Found:
    records = at.registry.list()
    if not records:
        text = "no worker of ours is registered; old workers leave no trace in Redis"
        return Found(Status.UNKNOWN, text, "lomi worker, or look at the old workers' logs")
    silent = [record for record in records if record.beat_age_s > BEAT_S]
    if silent:
        names = ", ".join(f"{record.info.host}/{record.info.pid}" for record in silent)
        return Found(Status.WARN, f"{len(records)} registered, no beat from {names}", "lomi status")
    return Found(Status.PASS, f"{len(records)} workers, all beating")


def workers_models(at: Handles) -> Found:
    """All workers judge with the same models."""
    kinds = {tuple((e.engine, e.model, e.sha256) for e in record.info.engines) for record in at.registry.list()}
    if not kinds:
        return Found(Status.SKIP, "no worker of ours is registered")
    if len(kinds) > 1:
        return Found(Status.WARN, f"{len(kinds)} different sets of models at work", "lomi models list")
    names = sorted({f"{engine}: {model}" for engine, model, _ in next(iter(kinds))})
    return Found(Status.PASS, ", ".join(names) or "no models named")


def postgres_ping(at: Handles) -> Found:
    return Found(Status.PASS, f"PostgreSQL {at.database.ping()}")


def media_table(at: Handles) -> Found:
    if not media.has_media(at.database):
        return Found(Status.FAIL, "there is no table media: not the backend's database", "lomi config show --origin")
    lacking = migrate.state(at.database).media
    if lacking.complete:
        return Found(Status.PASS, "columns and indexes of the moderation migration are there")
    names = ", ".join((*lacking.missing_columns, *lacking.missing_indexes))
    return Found(Status.FAIL, f"missing: {names}", "lomi migrate apply")


def lomi_schema(at: Handles) -> Found:
    state = migrate.state(at.database)
    if state.newer:
        return Found(Status.FAIL, "the schema is newer than this lomi", "pip install --upgrade lomi-ops")
    if not state.applied:
        text = "no schema lomi: decisions are not recorded, overrides not possible"
        return Found(Status.WARN, text, "lomi migrate apply")
    if state.pending:
        return Found(Status.WARN, f"{len(state.pending)} migrations pending", "lomi migrate apply")
    return Found(Status.PASS, f"{len(state.applied)} migrations applied")


def photos_waiting(at: Handles) -> Found:
    waiting = media.pending(at.database)
    text = f"{waiting.waiting} wait for a worker, {waiting.in_review} for a person"
    if waiting.never_queued:
        return Found(Status.WARN, f"{text}; {waiting.never_queued} were never queued")
    return Found(Status.PASS, text)


def objects_list(at: Handles) -> Found:
    at.objects.size(at.bucket, "lomi-check/does-not-exist")
    return Found(Status.PASS, f"{at.objects.describe()}, bucket {at.bucket}")


def faces_health(at: Handles) -> Found:
    if at.faces is None:
        return Found(Status.SKIP, "no CompreFace is configured")
    answers = at.faces.health()
    down = [str(answer.url) for answer in answers if not answer.ok]
    if down:
        status = Status.FAIL if len(down) == len(answers) else Status.WARN
        return Found(status, f"no healthy answer from {', '.join(down)}")
    return Found(Status.PASS, f"{len(answers)} endpoints answer")


def faces_key(at: Handles) -> Found:
    if at.faces is None:
        return Found(Status.SKIP, "no CompreFace is configured")
    if at.faces.uses_default_key:
        text = "the detection key that every install is born with is in use"
        return Found(Status.WARN, text, "set compreface.api_key; keep port 8000 closed to the outside")
    return Found(Status.PASS, "a key of its own, or none needed")
