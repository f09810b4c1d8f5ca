"""What is asked of the Docker Engine. Reads only; every fault is a DockerUnavailable.

The SDK takes 80 ms to import, and most machines have no engine: it is imported with the first question.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lomi_ops.clients.containers import answers, place
from lomi_ops.clients.containers.lines import LONGEST, LogLine, lines
from lomi_ops.config.sections.services import DockerSection
from lomi_ops.domain import compose
from lomi_ops.domain.compose import STACK, Chosen, Sighting
from lomi_ops.domain.container import Cluster, Container, Place, SwarmService, SwarmTask
from lomi_ops.domain.host_memory import HostMemory
from lomi_ops.errors import ConfigError

if TYPE_CHECKING:
    from lomi_ops.clients.containers.connection import Connection

SCAN_CHARACTERS = 32 << 20
"""Of a log that is searched for a line near its start."""
IDLE_S = 30.0
"""Whoever follows asks anew after so long a silence."""
EARLY_S = 2.0
"""The engine notes the start of a container a little after its first line may have been written."""


@dataclass(frozen=True, slots=True)
class EngineVersion:
    """Who answers."""

    version: str
    api: str
    swarm: bool = False
    """Whether it manages a Swarm."""


@dataclass(frozen=True, slots=True)
class Search:
    """What came of searching a container's log for a line."""

    found: LogLine | None = None
    first_at: datetime | None = None
    """Time of the oldest line that is kept of this run; None where there is none."""
    ended: bool = True
    """False where the log was too long to be read to its end."""


class Engine:
    """One engine. Opens nothing before its first use, and may be used by several threads.

    An answer may take `docker.timeout_s`, and a log twice that.
    """

    def __init__(self, section: DockerSection, environ: Mapping[str, str]) -> None:
        self._section = section
        self._environ = dict(environ)
        self._lock = threading.Lock()
        self._opened: Connection | None = None
        self.place = place.place(section, environ)
        """Its URL, or `context:NAME`; None where nobody named one and this machine has none."""
        self.named = place.named(section, environ)
        """Whether somebody said where it is, or whose containers are meant."""

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def connection(self) -> Connection:
        """For `Control`, which does more than ask."""
        from lomi_ops.clients.containers.connection import Connection

        with self._lock:
            if self._opened is None:
                self._opened = Connection(self._section, self._environ)
            return self._opened

    def version(self) -> EngineVersion:
        with self.connection.asking() as api:
            said, info = api.version(), api.info()
        return EngineVersion(str(said.get("Version", "")), str(said.get("ApiVersion", "")), _manages_swarm(info))

    def cluster(self, also: Collection[str] = ()) -> Cluster:
        """The containers of the configured project, else of the one that can be meant: of the configured services, and
        `also` of others.

        Raises ConfigError where there are several of those.
        """
        seen = self._sightings(also)
        chosen = compose.choose(seen.values(), self._section.project, self._section.workers_service or "")
        if chosen.others:
            text = f"several Compose projects may be the cluster: {', '.join(chosen.others)}"
            raise ConfigError(text, hint=f"set docker.project, e.g. LOMI_DOCKER__PROJECT={chosen.others[0]}")
        with self.connection.asking() as api:
            info = api.info()
        now = answers.moment(info.get("SystemTime")) or datetime.now(UTC)
        swarm = self._swarm(chosen.project) if _manages_swarm(info) else ()
        project = chosen.project or (swarm[0].project if swarm else "")
        return Cluster(project, self._inspected(chosen, _places(seen)), now, swarm)

    def memory(self) -> HostMemory:
        """Of the machine that the engine runs on: all of it, and what its running containers count on."""
        from docker.errors import NotFound

        claims = []
        with self.connection.asking() as api:
            total = int(api.info().get("MemTotal") or 0)
            for each in api.containers():
                try:
                    claims.append(answers.claim(api.inspect_container(each["Id"])))
                except NotFound:
                    continue  # It has ended since it was listed.
        return HostMemory(total, tuple(claims))

    def containers(self, project: str | None = None) -> tuple[Container, ...]:
        """Those of the services in one project, else in all; by service and number."""
        seen = self._sightings()
        ids = tuple(key for key, each in seen.items() if project is None or each.place.project == project)
        return self._inspected(Chosen(project or "", ids), _places(seen))

    def logs(self, container: Container, *, tail: int = 100, since: datetime | None = None) -> tuple[LogLine, ...]:
        """The last lines, the latest last."""
        with self.connection.stream(_log_of(container), _asked(tail, since)) as read:
            return tuple(lines(read, tty=container.tty))[-tail:]

    def search(self, container: Container, words: str) -> Search:
        """Looks for the first line of the container's present run (or of its last one) that has these words."""
        first_at, size = None, 0
        with self.connection.stream(_log_of(container), _asked("all", run_began(container))) as read:
            for line in lines(read, tty=container.tty):
                first_at, size = first_at or line.at, size + len(line.text)
                if words in line.text:
                    return Search(line, first_at)
                if size > SCAN_CHARACTERS:
                    return Search(None, first_at, ended=False)
        return Search(None, first_at)

    def read(self, what: Container | SwarmTask, *, tail: int | None, since: datetime | None) -> Iterator[LogLine]:
        """A log line by line, however long it is; `tail` None: all of it. That of a task comes from whatever machine of
        the Swarm it is on."""
        asked = _asked("all" if tail is None else tail, since)
        yield from lines(self.connection.flow(_log_of(what), asked), tty=what.tty, longest=LONGEST)

    def follow(self, what: Container | SwarmTask, since: datetime | None) -> Iterator[LogLine]:
        """What it writes from a moment on, as it comes. Ends with the run, and after a long silence: that of a
        task by silence alone."""
        asked = _asked("all", since) | {"follow": 1}
        chunks = self.connection.flow(_log_of(what), asked, idle_s=IDLE_S)
        yield from lines(chunks, tty=what.tty, longest=LONGEST)

    def happenings(self) -> Iterator[None]:
        """Something for each start and end of any container, until nothing has happened for long."""
        asked = {"filters": json.dumps({"type": ["container"], "event": ["start", "die"]})}
        for _ in self.connection.flow("/events", asked, idle_s=IDLE_S):
            yield None

    def again(self, container: Container) -> Container | None:
        """How it is now; None where it is gone."""
        return next(iter(self._inspected(Chosen("", (container.id,)), {container.id: container.place})), None)

    def task_again(self, task: SwarmTask) -> SwarmTask | None:
        """How it is now; None where the Swarm has forgotten it."""
        from docker.errors import NotFound

        with self.connection.asking() as api:
            try:
                return answers.task(api.inspect_task(task.id))
            except NotFound:
                return None

    def memory_used(self, container: Container) -> int | None:
        """Bytes that it uses now; None where it does not run any more. One look: a stream of them costs the engine."""
        from docker.errors import NotFound

        with self.connection.asking() as api:
            try:
                return answers.memory_used(api.stats(container.id, stream=False, one_shot=True))
            except NotFound:
                return None

    def service_names(self, project: str) -> tuple[str, ...]:
        """Of all services of a project that have containers."""
        with self.connection.asking() as api:
            listed: Sequence[Mapping[str, Any]] = api.containers(all=True)
        return compose.service_names(project, (each.get("Labels") or {} for each in listed))

    def _sightings(self, also: Collection[str] = ()) -> dict[str, Sighting]:
        """Containers of the services, by id."""
        with self.connection.asking() as api:
            listed: Sequence[Mapping[str, Any]] = api.containers(all=True)
        services = {*self._section.services, *also}
        found = (_sighting(each, services) for each in listed)
        return {each.id: each for each in found if each is not None}

    def _inspected(self, chosen: Chosen, places: Mapping[str, Place]) -> tuple[Container, ...]:
        from docker.errors import NotFound

        found = []
        with self.connection.asking() as api:
            for container_id in chosen.ids:
                try:
                    said = api.inspect_container(container_id)
                except NotFound:
                    continue  # It was removed since it was listed.
                found.append(answers.container(said, places[container_id]))
        return tuple(sorted(found, key=lambda each: (each.service, each.place.number, each.name)))

    def _swarm(self, project: str) -> tuple[SwarmService, ...]:
        """The services of a stack; where no container of this machine tells which one, of the one with the workers."""
        with self.connection.asking() as api:
            listed = api.services(filters={"label": f"{STACK}={project}"} if project else None)
            if not project:
                listed = answers.stack_with(listed, self._section.workers_service or "")
            names = [each["Spec"]["Name"] for each in listed]
            tasks = [api.tasks(filters={"service": name}) for name in names]
        return tuple(answers.swarm_service(each, those) for each, those in zip(listed, tasks, strict=True))


def _sighting(said: Mapping[str, Any], services: Collection[str]) -> Sighting | None:
    name = str((said.get("Names") or [""])[0]).lstrip("/")
    up = said.get("State") in ("running", "paused")
    return compose.sighting(str(said["Id"]), name, said.get("Labels") or {}, services, up=up)


def _places(seen: Mapping[str, Sighting]) -> dict[str, Place]:
    return {key: each.place for key, each in seen.items()}


def run_began(container: Container) -> datetime | None:
    """Just before the first line of a container's run, and after the last one of the run before.

    Of one that does not run the engine's end is this run's, and of a very short one it may be noted before its start.
    """
    if container.started_at is None:
        return None
    before = container.started_at - timedelta(seconds=EARLY_S)
    if container.up and container.finished_at is not None and container.finished_at < container.started_at:
        return max(before, container.finished_at)
    return before


def _manages_swarm(info: Mapping[str, Any]) -> bool:
    return bool((info.get("Swarm") or {}).get("ControlAvailable"))


def _log_of(what: Container | SwarmTask) -> str:
    return f"/{'tasks' if isinstance(what, SwarmTask) else 'containers'}/{what.id}/logs"


def _asked(tail: int | str, since: datetime | None) -> dict[str, object]:
    asked: dict[str, object] = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": tail}
    return asked if since is None else asked | {"since": f"{since.timestamp():.6f}"}
