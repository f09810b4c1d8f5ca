"""What somebody wants, what it needs, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lomi_ops.clients.containers import Control
from lomi_ops.ops.operations import Journal
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.queue.workers import WorkerRegistry


@dataclass(frozen=True, slots=True)
class Order:
    """So many workers."""

    target: int
    by: str
    grace_s: float
    """What a worker takes to finish or to give back after its SIGTERM."""
    reason: str = ""
    patience_s: float = 180.0
    """So long new workers may load, and those that leave may finish."""
    force: bool = False
    """Also where memory is short, or a job in an old worker's hand may be lost."""
    keep: bool = False
    """New workers that do not start stay, to be looked at."""
    wait: bool = True
    """Until the new ones are ready."""
    resume: bool = True
    """Whoever is quiet and stays takes jobs again."""


@dataclass(frozen=True, slots=True)
class Handles:
    """Everything that scaling needs."""

    control: Control
    registry: WorkerRegistry
    look: Callable[[], Fleet]
    """All workers as they are now; never an older picture."""
    journal: Journal
    wall: Callable[[], datetime]
    tell: Callable[[str], None] = lambda text: None
    """Hears what happens, in sentences."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Left:
    """A worker that is gone."""

    name: str
    exit_code: int | None = None
    """None where it did not run."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A worker that is not as it should be."""

    name: str
    why: str
    lines: tuple[str, ...] = ()
    """The last ones that it logged."""


@dataclass(slots=True)
class Outcome:
    """What came of it, filled as it happens: whoever interrupts can still tell."""

    service: str
    before: int
    target: int
    running: int = 0
    ready: int = 0
    """Of those that run."""
    waited: bool = True
    """False where nobody wanted to know whether they are ready."""
    created: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    """They were there and had stopped."""
    resumed: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    failed: list[Trouble] = field(default_factory=list)
    """They will not work by themselves."""
    late: list[Trouble] = field(default_factory=list)
    """They were not ready, or not done, when patience was over."""
    unknown: list[Trouble] = field(default_factory=list)
    """Nothing tells whether they are ready."""
    notes: list[str] = field(default_factory=list)
    ready_s: float = 0.0
    """From the first container's start until the last one was ready."""
    took_s: float = 0.0

    @property
    def changed(self) -> bool:
        return bool(self.created or self.started or self.resumed or self.left)

    @property
    def unclean(self) -> tuple[Left, ...]:
        """Those that left with another exit code than 0."""
        return tuple(each for each in self.left if each.exit_code)
