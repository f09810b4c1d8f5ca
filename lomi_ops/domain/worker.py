"""A worker of lomi as it registers: what it says about itself, and what is heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.domain.golden import Golden


class WorkerMode(StrEnum):
    """What a worker is doing, or was told to do."""

    RUNNING = "running"
    QUIET = "quiet"
    """Finishes what it has, claims nothing."""
    DRAINING = "draining"
    """On its way out."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """One engine of a worker."""

    engine: str
    """blur, faces or nsfw."""
    model: str
    sha256: str = ""
    """Of the model's file; empty where it is not a file of ours."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker says about itself."""

    boot: str
    """UUID of this start of the process; the first part of its slots' names."""
    host: str
    pid: int
    version: str
    slots: int
    engines: tuple[EngineInfo, ...] = ()
    policy: str = ""
    """`name@version`; several with their shares where they divide the users."""
    golden: Golden | None = None
    """What it saw in the portrait whose outcome is known."""
    activation: int | None = None
    """By which it judges, 0 for its configuration's policy; None for a worker of before, which knows of none."""

    @property
    def name(self) -> str:
        """How an operator names its process."""
        return f"{self.host}/{self.pid}"


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A registered worker."""

    info: WorkerInfo
    mode: WorkerMode
    started_ms: int
    beat_age_s: float
    """Seconds since it was last heard of, by the server's clock."""
    jobs: tuple[str, ...] = ()
    """What it holds now, by slot."""
    exit: str = ""
    """How its process ended, where whoever started it has told."""
    done: int | None = None
    """Jobs that it has finished since `started_ms`; None for one of an earlier version, which does not count."""
    errors: int | None = None
    """Attempts that failed with it, outages apart; None where `done` is."""
    error_age_s: float | None = None
    """Seconds since the last of them; None where there was none."""
    error_code: str = ""
    """What that one was."""

    def silent(self, lease_s: float) -> bool:
        """A worker that was not heard of for so long has lost its jobs."""
        return self.beat_age_s > lease_s
