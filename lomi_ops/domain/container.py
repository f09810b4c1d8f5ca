"""A container as its engine describes it, as far as an operator cares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SHORT_ID = 12
LONGEST_LINE = 2000
"""Characters of a line of foreign text that are kept."""


class ContainerState(StrEnum):
    """Docker's own words."""

    CREATED = "created"
    """It was never started."""
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    """It has exited, and waits for its restart policy to start it again."""
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """A word of an engine that is newer than we are."""


class Health(StrEnum):
    """What the health check of the image or of the Compose file last said."""

    NONE = "none"
    """There is no health check."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that is published on the host."""

    host: str
    """Address on the host; `0.0.0.0` or `::` is every one."""
    host_port: int
    port: int
    """Inside the container."""
    protocol: str = "tcp"

    @property
    def open_to_all(self) -> bool:
        return self.host in ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Place:
    """To which service of which Compose project (or Swarm stack) a container belongs."""

    project: str
    """Empty where only the container's name tells the service."""
    service: str
    number: int = 1
    labelled: bool = True
    """False where it was guessed from the container's name."""


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """Where Compose was called for a project, as its labels say; empty where they do not."""

    folder: str = ""
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    version: str = ""
    """Of the Compose that made the container."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container. Its environment and command are never read: they may hold secrets."""

    id: str
    name: str
    place: Place
    image: str
    """As it was named when the container was made, e.g. `redis:7-alpine`."""
    image_digest: str
    """`sha256:…` of the image's configuration: the same image has the same on every machine."""
    state: ContainerState
    health: Health = Health.NONE
    health_failures: int = 0
    """Failed health checks in a row."""
    health_output: str = ""
    """What the last failed health check printed; empty where the last one passed."""
    exit_code: int = 0
    """Of the last run; means nothing while it runs."""
    error: str = ""
    """Why the engine could not start it."""
    oom_killed: bool = False
    """The kernel has killed its main process for want of memory. Some engines keep the mark through restarts."""
    restart_count: int = 0
    """Restarts by its policy since somebody last started it."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """When the run before this one ended, or this one where it does not run."""
    ports: tuple[Port, ...] = ()
    memory_limit: int = 0
    """Bytes; 0 is no limit."""
    memory_reservation: int = 0
    """Bytes; 0 is none."""
    restart_policy: str = ""
    """`no`, `always`, `unless-stopped` or `on-failure`."""
    hostname: str = ""
    """Inside it; empty where the engine does not say."""
    host_network: bool = False
    """It lives in the machine's network, and has its host name."""
    pid: int = 0
    """Of its main process, as the machine counts; 0 where it does not run."""
    ours: bool = False
    """Its image says that it is a worker of lomi: on SIGTERM it finishes its job."""
    mounts: int = 0
    """How many folders and volumes are mounted in it."""
    tty: bool = False
    """It has a terminal: its log comes as it is written, not in frames."""
    compose: ComposeFile = ComposeFile()

    @property
    def short_id(self) -> str:
        """Also its host name, unless somebody chose another one, or the machine's."""
        return self.id[:SHORT_ID]

    @property
    def short_name(self) -> str:
        """Without the project that all of them have in common."""
        project = self.place.project
        return (self.name.removeprefix(project).lstrip("-_") or self.name) if project else self.name

    @property
    def service(self) -> str:
        return self.place.service

    @property
    def up(self) -> bool:
        """Its process runs; a paused one holds still, yet is there."""
        return self.state in (ContainerState.RUNNING, ContainerState.PAUSED)


@dataclass(frozen=True, slots=True)
class SwarmTask:
    """A task that a Swarm wants to run, wherever it put it."""

    container_id: str
    """Empty where it has none yet."""
    running: bool
    words: str = ""
    """What the manager says of one that does not run: that no machine has room for it, for example."""
    id: str = ""
    number: int = 0
    """Which of its service it is; a successor has the same."""
    tty: bool = False

    @property
    def short_id(self) -> str:
        """Also the host name in its container."""
        return self.container_id[:SHORT_ID]


@dataclass(frozen=True, slots=True)
class SwarmService:
    """A service of a Swarm stack, as its manager sees it on all machines."""

    name: str
    """Without the stack's name."""
    project: str
    desired: int
    running: int
    failures: tuple[str, ...] = ()
    """What became of its latest failed tasks, the latest first."""
    kind: str = "replicated"
    """`replicated`, `global`, or a job's kind; only of the first one somebody says how many tasks there are."""
    stop_grace_s: float = 10.0
    """Between SIGTERM and SIGKILL of a task that is stopped."""
    tasks: tuple[SwarmTask, ...] = ()
    """Those that shall run."""
    leaving: int = 0
    """Tasks that shall end, and have not yet."""
    update: str = ""
    """How its latest update stands, in Docker's words: `updating`, `completed`, `paused`, …"""
    update_began: datetime | None = None
    update_said: str = ""

    @property
    def full_name(self) -> str:
        """As `docker service` knows it."""
        return f"{self.project}_{self.name}" if self.project else self.name


@dataclass(frozen=True, slots=True)
class Cluster:
    """The containers of one cluster on one engine."""

    project: str
    """Empty where they are known by their names only."""
    containers: tuple[Container, ...]
    """By service and number."""
    at: datetime
    """When it was looked at, by the engine's clock."""
    swarm: tuple[SwarmService, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.containers and not self.swarm

    def of(self, service: str) -> tuple[Container, ...]:
        return tuple(each for each in self.containers if each.service == service)

    def has(self, service: str) -> bool:
        return bool(self.of(service)) or self.swarm_service(service) is not None

    def running(self, service: str) -> int:
        """Containers of this engine that run, or tasks on all machines of a Swarm."""
        swarm = self.swarm_service(service)
        return sum(each.up for each in self.of(service)) if swarm is None else swarm.running

    def swarm_service(self, service: str) -> SwarmService | None:
        return next((each for each in self.swarm if each.name == service), None)

    @property
    def compose(self) -> ComposeFile:
        """Where Compose was called, by the first container that tells."""
        return next((each.compose for each in self.containers if each.compose.files), ComposeFile())


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Foreign text fit for a terminal: no control characters, no newlines, not too long."""
    return _cut(" ".join(_printable(text).split()), longest)


def log_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The same for a line of a log, which keeps its indent."""
    return _cut(_printable(text).rstrip(), longest)


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def _cut(line: str, longest: int) -> str:
    return line if len(line) <= longest else line[: longest - 1] + "…"
