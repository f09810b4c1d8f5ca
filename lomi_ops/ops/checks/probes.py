"""What each check looks at. A probe measures one thing and says what it saw; it never raises for weather."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db import media, migrate
from lomi_ops.db.pool import Database
from lomi_ops.domain import span
from lomi_ops.domain.check import Found, Status
from lomi_ops.queue.client import OLDEST_SERVER, inspect
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.odd_answers import HINTS
from lomi_ops.queue.workers import WorkerRecord, WorkerRegistry

BACKLOG = 10
"""Jobs waiting from which operators were told to add workers."""
OLDEST_S = 60.0
_ABSENT_KEY = "lomi-check/does-not-exist"


@dataclass(frozen=True, slots=True)
class Handles:
    """What probes look at. All of them may be used by several threads at once."""

    redis: redis.Redis
    queue: JobQueue
    registry: WorkerRegistry
    database: Database
    objects: ObjectStore
    faces: FaceService | None
    bucket: str
    lease_s: float
    """A worker that was not heard of for so long has lost its jobs."""
    stack: Path | None = None
    """The local stack that the services are from, if they are."""


def timed_out(failure: BaseException) -> bool:
    """Whether an error has its origin in an answer that did not come in time.

    The libraries' own classes say so in their names (redis.TimeoutError, psycopg.errors.ConnectionTimeout,
    botocore's ReadTimeoutError, httpx.ReadTimeout), and clients keep them as the cause.
    """
    return any("Timeout" in type(link).__name__ for link in _chain(failure))


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__


def redis_ping(at: Handles) -> Found:
    server = inspect(at.redis)
    if server.replica:
        return Found(
            Status.FAIL, f"{server.name} {server.version} is a replica: workers cannot write", HINTS["READONLY"]
        )
    return Found(Status.PASS, f"{server.name} {server.version}")


def redis_version(at: Handles) -> Found:
    server = inspect(at.redis)
    oldest = ".".join(map(str, OLDEST_SERVER))
    if tuple(int(part) for part in server.version.split(".")[:2] if part.isdigit()) >= OLDEST_SERVER:
        return Found(Status.PASS, f"{server.version}, {oldest} is enough")
    hint = "upgrade the server: image redis:7-alpine or valkey/valkey:8-alpine"
    return Found(Status.FAIL, f"{server.version} is older than {oldest}: workers do not start on it", hint)


def redis_policy(at: Handles) -> Found:
    policy = inspect(at.redis).policy
    if policy == "noeviction":
        return Found(Status.PASS, policy)
    if policy == "unknown":
        return Found(Status.UNKNOWN, "the server does not say", "redis-cli CONFIG GET maxmemory-policy")
    fix = "redis-cli CONFIG SET maxmemory-policy noeviction, and in its configuration file"
    return Found(Status.FAIL, f"{policy}: jobs are thrown away when memory is full", fix)


def redis_persistence(at: Handles) -> Found:
    if inspect(at.redis).appendonly:
        return Found(Status.PASS, "append-only file is on")
    fix = "redis-cli CONFIG SET appendonly yes, and in its configuration file"
    return Found(Status.WARN, "a restart loses the queue", fix)


def queue_backlog(at: Handles) -> Found:
    waiting = at.queue.stats().waiting
    text = _counted(waiting, "job waits", "jobs wait")
    if waiting <= BACKLOG:
        return Found(Status.PASS, text)
    return Found(Status.WARN, text, "start more workers: lomi worker")


def queue_oldest(at: Handles) -> Found:
    stats = at.queue.stats()
    if stats.oldest_age_s is None:
        # An element that is not the producer's JSON has no time of birth that we could read.
        return Found(Status.PASS, "nothing waits" if stats.ready == 0 else "the next job does not say how old it is")
    text = f"the next job is {span.said(stats.oldest_age_s)} old"
    if stats.oldest_age_s <= OLDEST_S:
        return Found(Status.PASS, text)
    return Found(Status.WARN, text, "see who works: lomi top --once; start a worker: lomi worker")


def queue_dead(at: Handles) -> Found:
    dead = at.queue.stats().dead
    if dead == 0:
        return Found(Status.PASS, "no dead letters")
    return Found(Status.FAIL, _counted(dead, "dead letter", "dead letters"), "lomi queue dead")


def queue_paused(at: Handles) -> Found:
    stats = at.queue.stats()
    if stats.pause is not None:
        text = f"paused by {stats.pause.by}: {stats.pause.reason}"
        return Found(Status.WARN, text, "once it may go on: lomi queue resume")
    if stats.holds:
        names = ", ".join(hold.upstream for hold in stats.holds)
        return Found(Status.WARN, f"claims wait for {names}", "lomi queue stats")
    return Found(Status.PASS, "claims are open")


def queue_heard(at: Handles) -> Found:
    unsent = at.queue.stats().unsent
    if unsent == 0:
        return Found(Status.PASS, "every result was heard")
    text = f"{_counted(unsent, 'result', 'results')} had no listener on moderation_results"
    return Found(Status.WARN, text, "start the backend: workers send them again when it listens")


def queue_stuck(at: Handles) -> Found:
    found = at.queue.stuck()
    if not found:
        return Found(Status.PASS, "everything moves")
    return Found(Status.FAIL, "; ".join(each.what for each in found), found[0].command)


def workers_alive(at: Handles) -> Found:
    records = at.registry.list()
    if not records:
        text = "no worker of lomi is registered; old workers leave no trace in Redis"
        return Found(Status.UNKNOWN, text, "lomi worker makes workers visible; of old ones only their own logs tell")
    silent = [record for record in records if record.beat_age_s > at.lease_s]
    if not silent:
        return Found(Status.PASS, f"{_counted(len(records), 'worker beats', 'workers beat')}")
    text = f"{len(silent)} of {len(records)} without a beat: {', '.join(map(_name, silent))}"
    if len(silent) == len(records):
        return Found(Status.FAIL, text, "start a worker: lomi worker")
    return Found(Status.WARN, text, "lomi top --once; a lost worker's jobs go to the others by themselves")


def _name(record: WorkerRecord) -> str:
    return f"{record.info.host}/{record.info.pid}"


def workers_models(at: Handles) -> Found:
    """All workers judge with the same models."""
    kinds = {tuple((e.engine, e.model, e.sha256) for e in record.info.engines) for record in at.registry.list()}
    if not kinds:
        return Found(Status.SKIP, "no worker of lomi is registered")
    if len(kinds) > 1:
        hint = "lomi top --once shows who has which; restart those that are behind"
        return Found(Status.WARN, f"{len(kinds)} different sets of models at work", hint)
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
    if state.altered:
        text = f"{', '.join(state.altered)} ran with another text than this lomi has"
        return Found(Status.FAIL, text, "lomi migrate verify; install the lomi that made this schema")
    if not state.applied:
        text = "no schema lomi: decisions are not recorded, overrides not possible"
        return Found(Status.WARN, text, "lomi migrate apply; or start a lomi worker, which makes it too")
    if state.pending:
        return Found(
            Status.WARN, _counted(len(state.pending), "migration pending", "migrations pending"), "lomi migrate apply"
        )
    return Found(Status.PASS, _counted(len(state.applied), "migration applied", "migrations applied"))


def photos_waiting(at: Handles) -> Found:
    waiting = media.pending(at.database)
    text = f"{waiting.waiting} wait for a worker, {waiting.in_review} for a person"
    if waiting.never_queued:
        hint = "lomi reconcile --dry-run, then lomi reconcile"
        return Found(Status.WARN, f"{text}; {waiting.never_queued} were never queued", hint)
    return Found(Status.PASS, text)


def objects_read(at: Handles) -> Found:
    at.objects.size(at.bucket, _ABSENT_KEY)
    return Found(Status.PASS, f"{at.objects.describe()}, bucket {at.bucket}")


def faces_health(at: Handles) -> Found:
    if at.faces is None:
        return Found(Status.SKIP, "no CompreFace is configured")
    answers = at.faces.health()
    down = [answer for answer in answers if not answer.ok]
    if not down:
        return Found(Status.PASS, _counted(len(answers), "endpoint answers", "endpoints answer"))
    text = "; ".join(f"{answer.url} is not well: {answer.detail}" for answer in down)
    hint = "check compreface.urls, and the log of compreface-core"
    if len(down) < len(answers):
        return Found(Status.WARN, text, hint)
    if all(answer.slow for answer in down):
        return Found(Status.UNKNOWN, f"timeout: {text}", hint)
    return Found(Status.FAIL, text, hint)


def faces_key(at: Handles) -> Found:
    if at.faces is None:
        return Found(Status.SKIP, "no CompreFace is configured")
    if at.faces.uses_default_key:
        text = "the detection key that every install is born with is in use"
        return Found(Status.WARN, text, "set compreface.api_key; keep port 8000 closed to the outside")
    return Found(Status.PASS, "a key of its own, or none needed")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
