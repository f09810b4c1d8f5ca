"""Why no worker works, or too few do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lomi_ops.domain import span
from lomi_ops.domain.check import Status
from lomi_ops.domain.container_rules import Trouble
from lomi_ops.domain.diagnosis import LAST_WORDS, Failure, Finding, Gravity, counted
from lomi_ops.domain.worker_log import Cause, WorkerLog, WorkerTrouble

_WHY = "photos wait, and with no worker left nothing is moderated"


@dataclass(frozen=True, slots=True)
class Registered:
    """A worker of lomi, as it registered."""

    name: str
    silent_s: float | None = None
    """Since it was last heard of, where that is too long."""
    mode: str = "running"


@dataclass(frozen=True, slots=True)
class Contained:
    """What the engine shows of the workers' containers."""

    services: Sequence[Trouble] = ()
    """Stopped, missing, restarting, unhealthy; the worst first."""
    killed: Sequence[Trouble] = ()
    loops: Sequence[Trouble] = ()
    images: Sequence[Trouble] = ()
    starts: Sequence[tuple[WorkerLog, WorkerTrouble]] = ()
    """Those that have not loaded their model, or do not run, with their logs."""
    up: int = 0


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """Everything that shows workers; None where a source did not answer or does not know them."""

    registered: tuple[Registered, ...] | None = None
    contained: Contained | None = None
    docker: Failure | None = None
    """Why the engine could not be asked; None also where there is none."""
    waiting: int = 0
    """Jobs that wait for a worker."""
    oldest_s: float | None = None


def worker_findings(facts: WorkerFacts) -> Iterator[Finding]:
    if facts.contained is not None:
        yield from _contained(facts.contained)
    yield from _registered(facts)
    if facts.docker is not None:
        why = "old workers are seen only through their containers"
        yield Finding("workers.docker", Gravity.UNKNOWN, facts.docker.message, why, facts.docker.hint)


def _contained(found: Contained) -> Iterator[Finding]:
    explained = {trouble.container.name for _, trouble in found.starts if trouble.failure}
    for trouble in found.services:
        # One whose log tells why it does not run is told about once, with the reason.
        if not (trouble.names and set(trouble.names) <= explained):
            gravity = Gravity.UNKNOWN if trouble.status is Status.UNKNOWN else Gravity.WRONG
            yield Finding("workers.containers", gravity, trouble.what, _WHY, trouble.next)
    for cause in Cause:
        these = [(log, trouble) for log, trouble in found.starts if trouble.failure and trouble.failure.cause is cause]
        if these:
            yield _start(cause, these)
    silent = [(log, trouble) for log, trouble in found.starts if trouble.failure is None and log.container.up]
    for log, mute in silent:
        gravity = Gravity.UNKNOWN if mute.status is Status.UNKNOWN else Gravity.WRONG
        command = f"lomi workers logs {log.container.name}"
        yield Finding("workers.start", gravity, mute.what, _WHY, command, log.tail[-LAST_WORDS:])
    for trouble in found.killed:
        if not set(trouble.names) <= explained:
            why = "the photo in its hand is tried again, and will not fit either"
            yield Finding("workers.memory", Gravity.WRONG, trouble.what, why, _more_memory(trouble.names))
    for trouble in found.loops:
        if not set(trouble.names) <= explained:
            yield Finding("workers.restarts", Gravity.WRONG, trouble.what, _WHY, trouble.next)
    for trouble in found.images:
        why = "the same photo may be decided differently by different workers"
        yield Finding("workers.images", Gravity.WRONG, trouble.what, why, trouble.next)


_MEANING = {
    Cause.MODEL: "a worker without its model cannot judge; old ones fetch it from the internet at every start",
    Cause.FACES: "without CompreFace there are no faces and no ages",
    Cause.REDIS_LOGIN: "REDIS_PASSWORD of the workers is not the password of the server",
    Cause.REDIS: "REDIS_HOST or REDIS_PORT of the workers is wrong, or Redis is down",
    Cause.DATABASE: "DB_HOST, DB_USER or DB_PASSWORD of the workers is wrong, or Postgres is down",
    Cause.MEMORY: "a worker needs memory for its model and for the largest photo",
    Cause.OTHER: "its own last words say what is wrong",
}


def _start(cause: Cause, these: Sequence[tuple[WorkerLog, WorkerTrouble]]) -> Finding:
    """Workers that do not start for the same cause, as one finding."""
    log, trouble = these[0]
    failure = trouble.failure
    assert failure is not None
    names = tuple(each.container.name for each, _ in these)
    subject = names[0] if len(names) == 1 else f"{len(names)} workers ({', '.join(names)})"
    command = failure.hint or _command(cause, names)
    lines = log.tail[-LAST_WORDS:] or (failure.line,)
    seen = f"{subject}: {failure.words(len(names))}: {failure.line}"
    return Finding("workers.start", Gravity.WRONG, seen, _MEANING[cause], command, lines)


def _command(cause: Cause, names: Sequence[str]) -> str:
    match cause:
        case Cause.FACES:
            return "lomi doctor compreface"
        case Cause.REDIS | Cause.REDIS_LOGIN:
            return "lomi check --only redis"
        case Cause.DATABASE:
            return "lomi check --only postgres"
        case Cause.MEMORY:
            return _more_memory(names)
    return f"lomi workers logs {names[0]}"


def _more_memory(names: Sequence[str]) -> str:
    return f"docker update --memory 2g --memory-swap 2g {' '.join(names)}"


def _registered(facts: WorkerFacts) -> Iterator[Finding]:
    if facts.registered is None:
        return
    silent = [each for each in facts.registered if each.silent_s is not None]
    alive = [each for each in facts.registered if each.silent_s is None]
    for each in silent:
        seen = f"worker {each.name} is not heard of for {span.said(each.silent_s or 0)}"
        yield Finding("workers.silent", Gravity.WRONG, seen, "its jobs went to others; the process is dead or frozen",
                      "lomi workers list")  # fmt: skip
    for each in alive:
        if each.mode != "running":
            seen = f"worker {each.name} is {each.mode}"
            yield Finding("workers.quiet", Gravity.NOTE, seen, "it takes no new jobs",
                          f"lomi workers resume {each.name}")  # fmt: skip
    explained = facts.contained is not None and (
        facts.contained.up or facts.contained.services or facts.contained.starts
    )
    if not alive and not explained:
        yield _nobody(facts)


def _nobody(facts: WorkerFacts) -> Finding:
    """No worker is seen. That is wrong where jobs wait; else old ones may be at work elsewhere."""
    if facts.waiting:
        since = f", the next one for {span.said(facts.oldest_s)}" if facts.oldest_s is not None else ""
        seen = f"no worker is to be seen, and {counted(facts.waiting, 'job waits', 'jobs wait')}{since}"
        return Finding("workers.none", Gravity.WRONG, seen, _WHY, "lomi worker")
    if facts.contained is not None:
        return Finding("workers.none", Gravity.WRONG, "no worker runs", _WHY, "lomi worker")
    why = "old workers leave no trace in Redis: whether any runs, only their containers tell"
    return Finding("workers.unseen", Gravity.UNKNOWN, "no worker of lomi is registered", why, "docker ps")
