"""The state of a stack as people and programs see it. No secret is in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lomi_ops.ops.local import process
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.record import POSTGRES, REDIS, SUPERVISOR, WORKER, PartRecord, PartState, StackRecord
from lomi_ops.ops.local.state import StackState


@dataclass(frozen=True, slots=True)
class PartStatus:
    name: str
    state: PartState
    pid: int | None = None
    port: int | None = None
    uptime_s: float | None = None
    restarts: int = 0
    """Since the start of the supervisor."""
    error: str = ""
    """Why it ended last; empty once it has run stably again."""


@dataclass(frozen=True, slots=True)
class StackStatus:
    data: Path
    supervisor: PartStatus
    redis: PartStatus
    postgres: PartStatus
    workers: tuple[PartStatus, ...]
    workers_wanted: int
    error: str = ""
    """Why no workers are started, or the supervisor cannot work."""

    @property
    def parts(self) -> tuple[PartStatus, ...]:
        return (self.supervisor, self.redis, self.postgres, *self.workers)

    @property
    def healthy(self) -> bool:
        """True when every part runs, and as many workers as wanted. Draining workers do not count."""
        running = sum(worker.state is PartState.RUNNING for worker in self.workers)
        services = (self.supervisor, self.redis, self.postgres)
        return (
            not self.error
            and running >= self.workers_wanted
            and all(part.state is PartState.RUNNING for part in services)
        )


def describe(layout: Layout, state: StackState, record: StackRecord, now: float) -> StackStatus:
    """Joins what is written with which processes live; `now` is Unix time."""
    supervised = process.alive(record.supervisor)
    parts = {part.name: _part(part, supervised, _port(part.name, state), now) for part in record.parts}
    return StackStatus(
        data=layout.folder,
        supervisor=_supervisor(record, supervised, now),
        redis=parts.get(REDIS, PartStatus(REDIS, PartState.STOPPED, port=state.redis_port)),
        postgres=parts.get(POSTGRES, PartStatus(POSTGRES, PartState.STOPPED, port=state.postgres_port)),
        workers=tuple(status for name, status in parts.items() if name.startswith(WORKER)),
        workers_wanted=state.workers,
        error=record.error if supervised else "",
    )


def _supervisor(record: StackRecord, alive: bool, now: float) -> PartStatus:
    if record.supervisor is None or not alive:
        return PartStatus(SUPERVISOR, PartState.STOPPED)
    return PartStatus(SUPERVISOR, PartState.RUNNING, pid=record.supervisor.pid, uptime_s=max(0.0, now - record.since))


def _part(part: PartRecord, supervised: bool, port: int | None, now: float) -> PartStatus:
    """The record may be older than the process: a dead one is being restarted, or stays dead without a supervisor."""
    if part.process is not None and process.alive(part.process):
        uptime = max(0.0, now - part.since)
        return PartStatus(part.name, part.state, part.process.pid, port, uptime, part.restarts, part.error)
    state = part.state
    if not supervised:
        state = PartState.STOPPED
    elif part.process is not None:
        state = PartState.STOPPED if part.state is PartState.STOPPING else PartState.RESTARTING
    return PartStatus(part.name, state, port=port, restarts=part.restarts, error=part.error)


def _port(name: str, state: StackState) -> int | None:
    return {REDIS: state.redis_port, POSTGRES: state.postgres_port}.get(name)
