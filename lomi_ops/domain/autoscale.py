"""The words of autoscaling: what is seen, what is remembered, by which rules, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from lomi_ops.domain.traffic import Traffic


class Held(StrEnum):
    """Why the number of workers is left as it is although there is something to say."""

    STALE = "stale"
    """The numbers are old: whoever writes them down does not."""
    PAUSED = "paused"
    OUTAGE = "outage"
    """A breaker is not closed: more workers cure no weather, and idle ones are needed afterwards."""
    THROTTLED = "throttled"
    """An upstream asked for fewer calls."""
    BOUNDS = "bounds"
    """Somebody has set a number outside of min and max."""
    STARTING = "starting"
    """The workers of the last change are not ready yet."""
    MISSING = "missing"
    """Workers that should be there are not ready, and not for want of time."""
    SOON = "soon"
    """It has not been so for long enough."""
    COOLDOWN = "cooldown"
    LOCKED = "locked"
    """Somebody else changes the workers just now."""
    AT_MAX = "at_max"
    NO_HELP = "no_help"
    """One more worker has not made photos any quicker the last time."""
    OLD_WORKERS = "old_workers"
    """An old worker loses the job in its hand when it is stopped."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that an operator sets; their meanings are in the settings of the same name."""

    min: int = 4
    max: int = 12
    queue: int = 10
    photo_s: float = 3.0
    one_more_at: float = 0.85
    two_more_at: float = 0.90
    five_more_at: float = 0.95
    fewer_below: float = 0.70
    drain_s: float = 600.0
    calm_s: float = 10.0
    up_after_s: float = 90.0
    down_after_s: float = 900.0
    cooldown_up_s: float = 180.0
    cooldown_down_s: float = 600.0
    ready_s: float = 300.0
    stale_s: float = 60.0
    gap_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Observation:
    """The cluster at one moment, by the clock of Redis."""

    at_ms: int
    workers: int
    """As many as there should be, by Docker."""
    ready: int
    """Those that have loaded their models, and are heard of."""
    stopped: int = 0
    """Containers beside them that have ended, and that nobody starts again."""
    old: int = 0
    """Those among the ready ones that only say so in their log."""
    slots: int = 0
    """Of the ready ones, without the old."""
    elsewhere: int = 0
    """Slots of workers that are not counted here: processes, and containers of other engines."""
    ready_jobs: int = 0
    high: int = 0
    bulk: int = 0
    delayed: int = 0
    running: int = 0
    oldest_s: float | None = None
    """Age of the job that is next; None where there is none or it cannot be read."""
    traffic: Traffic | None = None
    sample_age_s: float | None = None
    """Since a worker last noted what comes and goes; None where that is not known."""
    photo_s: float | None = None
    """Seconds per photo of late."""
    photo_ms: int | None = None
    """When that was asked, where it must not be asked at every look."""
    beat_age_s: float | None = None
    """Since any worker was last heard of; None where none is registered."""
    busy: str = ""
    """Who changes the workers just now, and how; empty where nobody does."""
    paused: str = ""
    """By whom and why; empty where it is not."""
    outages: tuple[str, ...] = ()
    """Upstreams whose breaker is not closed."""
    throttled: tuple[str, ...] = ()
    """Upstreams that all workers together slow down for."""

    @property
    def waiting(self) -> int:
        """Jobs that more workers would bring forward. Bulk yields to everything, and may wait."""
        return self.ready_jobs + self.high


@dataclass(frozen=True, slots=True)
class History:
    """What one look remembers for the next one."""

    looked_ms: int | None = None
    workers: int | None = None
    stepping_to: int | None = None
    """A change was begun, and its end was not written down."""
    changed_ms: int | None = None
    """When the number last changed, whoever did it."""
    due_ms: int | None = None
    """Since when more have been due."""
    idle_ms: int | None = None
    """Since when fewer would do."""
    slow_s: float | None = None
    """Seconds per photo when a worker was last added for that alone."""
    photo_s: float | None = None
    photo_ms: int | None = None
    """As the look had them."""
    held: str = ""
    """Why nothing was changed, as it was written into the journal last."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the present number of workers and the proposed one come to."""

    used: float | None = None
    """Share of the slots that the expected load fills, with the backlog worked off in time; None where unknown."""
    used_after: float | None = None
    drain_s: float | None = None
    """Until nothing waits; None where that is unknown, or never."""
    drain_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What should be done now, and why."""

    workers: int
    target: int
    why: tuple[str, ...] = ()
    """What asks for it, with the numbers."""
    held: Held | None = None
    because: str = ""
    """Why not, in one sentence."""
    next: str = ""
    """The command to run, where a person is needed."""
    forecast: Forecast = Forecast()
    changed_by_others: tuple[int, int] | None = None
    """The number as this rule left it, and as somebody else has set it."""
    history: History = field(default_factory=History)
    """What to remember, also of a change that is about to be made."""

    @property
    def step(self) -> int:
        return self.target - self.workers


def stepped(history: History, workers: int) -> History:
    """The change is over, and this is what came of it."""
    return replace(history, workers=workers, stepping_to=None)
