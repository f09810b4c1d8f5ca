"""What a cluster is measured by: figures, what was promised of each, and whether it is kept. Pure.

The promises are the ones that the moderation system makes to its users and operators, and those of a run under load.
Where a figure is only a part of what was promised, its target says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.errors import ExitCode


class Area(StrEnum):
    """What is measured."""

    WORKER = "worker"
    QUEUE = "queue"
    STORAGE = "storage"
    DATABASE = "database"
    COMPREFACE = "compreface"
    LOAD = "load"


class Unit(StrEnum):
    """What a value is counted in."""

    SECONDS = "s"
    PER_SECOND = "/s"
    PER_MINUTE = "/min"
    SHARE = "share"
    """0..1"""
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes/s"
    NUMBER = "number"


class Sense(StrEnum):
    """Which side of a limit is good."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must be, and who said so."""

    sense: Sense
    limit: float
    source: str
    """The promise in its own words, and how the limit follows from it where it is a part of it."""
    best: float | None = None
    """What nothing exceeds: 1 for a share of which more is better. None where there is no such value."""

    def met(self, value: float) -> bool:
        match self.sense:
            case Sense.BELOW:
                return value < self.limit
            case Sense.AT_MOST:
                return value <= self.limit
            case Sense.ABOVE:
                return value > self.limit
            case Sense.AT_LEAST:
                return value >= self.limit

    def used(self, value: float) -> float:
        """The part of the room that is used up: 1 at the limit, more beyond it, 0 far on the good side."""
        if self.best is not None:
            return (self.best - value) / (self.best - self.limit)
        upwards = self.sense in (Sense.ABOVE, Sense.AT_LEAST)
        above, below = (self.limit, value) if upwards else (value, self.limit)
        if below == 0:
            return 0.0 if above == 0 else float("inf")
        return above / below


ANSWER = Target(Sense.BELOW, 0.2, "answer to the user < 200 ms")
PHOTO = Target(Sense.BELOW, 1.8, "< 1.8 s per photo")
BATCH = Target(Sense.BELOW, 3.0, "< 3 s for a batch of 9")
PHOTOS = Target(Sense.AT_LEAST, 500.0, "500+ photos/min with 4 workers")
PHOTOS_EACH = Target(Sense.AT_LEAST, 125.0, "500+ photos/min with 4 workers: a quarter each")
JOBS = Target(Sense.AT_LEAST, 500 / 60, "500+ photos/min, were each a batch of its own")
ERRORS = Target(Sense.BELOW, 0.01, "error rate < 1 %")
START = Target(Sense.BELOW, 5.0, "queue to worker start < 5 s")
MEMORY = Target(Sense.BELOW, 1e9, "worker memory < 1 GB")
WRITES = Target(Sense.BELOW, 0.1, "batch writes p95 < 100 ms")
SUCCESS = Target(Sense.ABOVE, 0.995, "success > 99.5 %", best=1.0)
LOSS = Target(Sense.AT_MOST, 0.0, "no photo is lost")
DUPLICATES = Target(Sense.AT_MOST, 0.0, "no decision is published twice")
DATABASE_CPU = Target(Sense.BELOW, 0.6, "database CPU < 60 %")
QUEUE = Target(Sense.AT_MOST, 10.0, "queue near 0; more workers when it stays > 10")
GROWTH = Target(Sense.BELOW, 0.05, "memory growth < 5 % per 1,000 photos")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a run."""

    name: str
    """For programs: `write_p95`."""
    text: str
    """For people: `a batch is written, p95`."""
    value: float | None
    """In `unit`; None where it could not be known, and then `note` says why."""
    unit: Unit
    target: Target | None = None
    """None for what is told beside, and judged by nobody."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where nothing was promised, or nothing is known."""
        return None if self.target is None or self.value is None else self.target.met(self.value)

    @property
    def used(self) -> float | None:
        """As `Target.used`."""
        return None if self.target is None or self.value is None else self.target.used(self.value)


@dataclass(frozen=True, slots=True)
class Advice:
    """The one change that would help most."""

    text: str
    command: str = ""
    """The next command, where there is one."""


@dataclass(frozen=True, slots=True)
class Left:
    """Something of a run that could not be removed."""

    what: str
    """keys, objects, rows"""
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found out."""

    area: Area
    figures: tuple[Figure, ...]
    advice: Advice
    took_s: float
    did: str
    """What was done to find it out: `2,000 jobs, 200 starts`."""
    left: tuple[Left, ...] = ()

    @property
    def missed(self) -> tuple[Figure, ...]:
        return tuple(figure for figure in self.figures if figure.met is False)

    @property
    def unknown(self) -> tuple[Figure, ...]:
        """Figures of which something was promised and nothing is known."""
        return tuple(figure for figure in self.figures if figure.target is not None and figure.value is None)

    @property
    def exit_code(self) -> ExitCode:
        """A missed target is bad. Where none is missed and none could be measured, nobody can tell."""
        if self.missed:
            return ExitCode.BAD
        judged = [figure for figure in self.figures if figure.met is not None]
        return ExitCode.OK if judged else ExitCode.UNKNOWN


def nearest(figures: Sequence[Figure]) -> Figure | None:
    """The figure that uses up most of its room, missed ones included; None where none was measured."""
    known = [(used, figure) for figure in figures if (used := figure.used) is not None]
    return max(known, key=lambda each: each[0], default=(0.0, None))[1]
