"""Whose logs are meant: those of a service's containers, or of a local stack's processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from lomi_ops.clients.containers import Engine
from lomi_ops.config.schema import Settings
from lomi_ops.domain.container import Cluster, Container
from lomi_ops.domain.fleet import Member, join
from lomi_ops.domain.log_line import Wanted
from lomi_ops.domain.member_choice import chosen
from lomi_ops.errors import NotFound
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.record import POSTGRES, REDIS, SUPERVISOR, WORKER
from lomi_ops.ops.workers.logs import Tap
from lomi_ops.ops.workers.sources import ContainerLog, FileLog, Source, TaskLog

LOOK_S = 2.0
"""Between two looks for new files."""


@dataclass(frozen=True, slots=True)
class Found:
    """Logs that somebody named."""

    engine: Engine | None
    service: str
    names: tuple[str, ...] = ()
    """As they were typed; empty: all of the service."""
    layout: Layout | None = None
    """Of a local stack, where there is no engine."""
    in_swarm: bool = False
    """Its tasks may be on other machines, whose events are not heard here."""

    def sources(self) -> tuple[Source, ...]:
        """Those that there are now. Raises DockerUnavailable."""
        if self.engine is None:
            return _files(self.layout, self.service, self.names) if self.layout else ()
        return _logs(self.engine, self.engine.cluster(also=(self.service,)), self.service, self.names, strict=False)

    def happenings(self) -> Iterator[None]:
        """Something whenever there may be others."""
        return _now_and_then() if self.engine is None or self.in_swarm else self.engine.happenings()

    @staticmethod
    def tap(source: Source, wanted: Wanted, since: datetime | None) -> Tap:
        return Tap(source, wanted, since)


def found(engine: Engine, settings: Settings, stack: Path | None, service: str | None, names: Sequence[str]) -> Found:
    """Raises NotFound with the nearest name, DockerUnavailable, ConfigError."""
    if stack is not None and not engine.named:
        layout = Layout(stack)
        _files(layout, service or "", names)
        return Found(None, service or "", tuple(names), layout)
    wanted = service or settings.docker.workers_service or "moderator-worker"
    cluster = engine.cluster(also=(wanted,))
    if not cluster.has(wanted):
        known = engine.service_names(cluster.project)
        close = get_close_matches(wanted, known, 1, 0.5)
        meant = f", did you mean {close[0]}?" if close else ""
        there = f"; there are {', '.join(known)}" if known and not close else ""
        raise NotFound(f"there is no container of service {wanted}{meant}{there}", hint="docker ps -a")
    _logs(engine, cluster, wanted, tuple(names), strict=True)
    return Found(engine, wanted, tuple(names), in_swarm=cluster.swarm_service(wanted) is not None)


def _logs(
    engine: Engine, cluster: Cluster, service: str, names: tuple[str, ...], *, strict: bool
) -> tuple[Source, ...]:
    """Of the containers here, and of the tasks that a Swarm put on other machines. Raises NotFound, UsageError."""
    containers, swarm = cluster.of(service), cluster.swarm_service(service)
    here = {each.id for each in containers}
    away = [TaskLog(engine, swarm, each) for each in swarm.tasks if each.container_id not in here] if swarm else []
    started = [log for log in away if log.task.container_id]
    wanted = [log for log in started if not names or any(log.goes_by(name) for name in names)]
    others = tuple(name for name in names if not any(log.goes_by(name) for log in wanted))
    mine = _named(containers, others, strict=strict) if others or not names else ()
    return (*(ContainerLog(engine, each) for each in mine), *wanted)


def _named(containers: Sequence[Container], names: tuple[str, ...], *, strict: bool) -> Sequence[Container]:
    """Those of these names, all of them without; with `strict` each must be there. Raises NotFound, UsageError."""
    if not names:
        return containers
    members = join(containers, None, (), datetime.now(UTC), lease_s=0.0)
    there: list[Member] = []
    for name in names:
        try:
            there += chosen(members, [name])
        except NotFound:
            if strict:
                raise
    return tuple(each.container for each in members if each in there and each.container is not None)


def _now_and_then() -> Iterator[None]:
    while True:
        time.sleep(LOOK_S)
        yield None


def _files(layout: Layout, service: str, names: Sequence[str]) -> tuple[FileLog, ...]:
    """The logs of the workers, or of one other part."""
    parts = sorted(path.stem for path in layout.logs.glob("*.log"))
    others = (SUPERVISOR, REDIS, POSTGRES)
    wanted = [part for part in parts if part.startswith(WORKER)] if not service else [service]
    if names:
        wanted = list(names)
    for part in wanted:
        if part not in parts:
            close = get_close_matches(part, parts, 1, 0.5)
            meant = f", did you mean {close[0]}?" if close else f"; there are {', '.join(parts) or 'none'}"
            raise NotFound(f"the local stack has no log of {part}{meant}", hint="lomi status")
    if not wanted:
        raise NotFound("the local stack has no worker's log yet", hint=f"lomi up --workers 1; or --service {others[0]}")
    return tuple(FileLog(layout.log(part), _number(part)) for part in wanted)


def _number(part: str) -> int:
    number = part.removeprefix(WORKER)
    return int(number) if number.isdecimal() else 1
