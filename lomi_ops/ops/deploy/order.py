"""What a deploy is to do, with what, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lomi_ops.clients.containers import Control
from lomi_ops.clients.containers.compose_program import ComposeProgram
from lomi_ops.clients.containers.images import Images
from lomi_ops.clients.containers.updates import Updates
from lomi_ops.domain.check import CheckResult, Scope
from lomi_ops.domain.container import Cluster
from lomi_ops.domain.rollout import Kind
from lomi_ops.errors import ExitCode, LomiError
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.operations import Journal
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.queue.workers import WorkerRegistry


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it, and how long each step may take."""

    by: str
    reason: str
    grace_s: float
    """What a worker takes to finish or to give back after its SIGTERM."""
    drain_s: float
    ready_s: float
    skip_check: str = ""
    """Why the check before it is left out; empty where it is not."""
    force: bool = False
    """Old workers, too: a job in their hand is lost."""


@dataclass(frozen=True, slots=True)
class Handles:
    """Everything that a deploy needs."""

    control: Control
    images: Images
    updates: Updates
    compose: ComposeProgram | None
    """None where the project's files or the program are not on this machine."""
    registry: WorkerRegistry
    look: Callable[[], Fleet]
    """All workers as they are now; never an older picture."""
    cluster: Callable[[], Cluster]
    """All containers as they are now."""
    check: Callable[[Scope], Sequence[CheckResult]]
    held: Held
    journal: Journal
    wall: Callable[[], datetime]
    tell: Callable[[str], None] = lambda text: None
    """Hears what happens, in sentences."""
    chatter: Callable[[str], None] = lambda text: None
    """Hears what other programs say meanwhile."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was done."""

    kind: Kind
    service: str
    seconds: float
    said: str


@dataclass(slots=True)
class Outcome:
    """Filled as it happens: whoever interrupts can still tell."""

    steps: list[Done] = field(default_factory=list)
    wanted: dict[str, str] = field(default_factory=dict)
    """The new image's id, by service."""
    changed: list[str] = field(default_factory=list)
    """Services of which something runs on another image by now, or whose name leads to another one."""
    took_s: float = 0.0


class CheckFailed(LomiError):
    """A check says that something is bad."""


class Stopped(LomiError):
    """A deploy ended before its end. `standing` says who runs what now, `lines` are the last words of what failed."""

    exit_code = ExitCode.BAD

    def __init__(self, message: str, *, standing: Sequence[str], lines: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.standing = tuple(standing)
        self.lines = tuple(lines)


class NotUp(LomiError):
    """A container with the new image does not work; `lines` are its last words."""

    def __init__(self, message: str, *, lines: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.lines = tuple(lines)
