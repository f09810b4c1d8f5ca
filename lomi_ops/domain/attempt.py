"""What follows from a failed attempt: try again, when, and at whose expense; or give the job up.

Weather (an upstream that is down or throttles) costs a job nothing: the attempt is refunded, however often. How long
photos may wait in bad weather is not decided here but by the worker, from the time of the first outage.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.errors import (
    BackendUnavailable,
    ConfigError,
    DatabaseUnavailable,
    FacesUnavailable,
    JobError,
    ModelError,
    ObjectsUnavailable,
    PhotoError,
    RedisUnavailable,
    Throttled,
)


class ErrorClass(StrEnum):
    """Why an attempt failed, in the only terms that a retry depends on."""

    TRANSIENT = "transient"
    """May work next time; counts."""
    PERMANENT = "permanent"
    """Will not work next time either, though the job itself is sound."""
    POISON = "poison"
    """The job itself cannot be run."""
    THROTTLED = "throttled"
    """An upstream asked to slow down."""
    OUTAGE = "outage"
    """An upstream is down."""

    @property
    def weather(self) -> bool:
        """True where the job is not to blame: the attempt is refunded."""
        return self in (ErrorClass.THROTTLED, ErrorClass.OUTAGE)


class Blame(StrEnum):
    """Who is to blame for a photo that an upstream failed on."""

    PHOTO = "photo"
    """The attempt counts."""
    WEATHER = "weather"
    """The photo waits, at nobody's expense."""


def blame(*, served_before: bool, failed_again: bool, served_after: bool) -> Blame:
    """An attempt counts only against a photo that an upstream failed on while it demonstrably served others: it
    answered a harmless question after the photo's failure, failed on the photo once more, and answered again after
    that. Anything less may have been the weather, for a question can be answered between two gusts."""
    return Blame.PHOTO if served_before and failed_again and served_after else Blame.WEATHER


OUTAGES = (RedisUnavailable, DatabaseUnavailable, ObjectsUnavailable, FacesUnavailable, BackendUnavailable)
HOPELESS = (PhotoError, ModelError, ConfigError)


def classify(error: BaseException) -> ErrorClass:
    """The class of an error, by its type alone. An unknown one is taken for transient: it gets its tries."""
    match error:
        case Throttled():
            return ErrorClass.THROTTLED
        case JobError():
            return ErrorClass.POISON
        case _ if isinstance(error, OUTAGES):
            return ErrorClass.OUTAGE
        case _ if isinstance(error, HOPELESS):
            return ErrorClass.PERMANENT
        case _:
            return ErrorClass.TRANSIENT


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, for the queue and for whoever reads the dead letter. Holds no secret."""

    error_class: ErrorClass
    code: str
    """A short word that statistics can count."""
    message: str
    retry_after_s: float | None = None
    """What the other side asked for."""
    hint: str = ""
    """The next command."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an error is. A foreign error is named by its type: its text might quote anything."""
        return cls(
            error_class=classify(error),
            code=getattr(error, "code", "") or type(error).__name__,
            message=getattr(error, "message", "") or f"{type(error).__name__} inside lomi",
            retry_after_s=getattr(error, "retry_after_s", None),
            hint=getattr(error, "hint", ""),
        )


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a wait drawn evenly from 0 to a ceiling that grows with every try. Seconds."""

    base: float
    factor: float
    cap: float
    floor: float = 0.0

    def ceiling(self, tries: int) -> float:
        """The longest wait after `tries` failures (1, 2, …)."""
        steps = min(max(tries, 1) - 1, 64)
        return float(min(self.cap, self.base * self.factor**steps))

    def wait(self, tries: int, chance: float) -> float:
        """The wait after `tries` failures, for a `chance` drawn evenly from [0, 1)."""
        return max(self.floor, chance * self.ceiling(tries))


ATTEMPT_BACKOFF = Backoff(base=2.0, factor=4.0, cap=300.0)
WEATHER_BACKOFF = Backoff(base=2.0, factor=2.0, cap=60.0, floor=1.0)
"""Shorter: when the upstream is back, nobody should wait five minutes more."""
MAX_RETRY_AFTER_S = 900.0
"""No upstream puts a job off for longer than this at a time."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a wait."""

    delay_s: float
    refund: bool
    """The attempt does not count."""


@dataclass(frozen=True, slots=True)
class Bury:
    """Give the job up: it becomes a dead letter."""

    exhausted: bool
    """True where the attempts are used up, False where another try would be pointless."""


def next_step(failure: Failure, *, attempt: int, setbacks: int, limit: int, chance: float) -> Retry | Bury:
    """Retry or bury.

    `attempt` is the number of this try (1, 2, …), `setbacks` how often weather has refunded this job before, `limit`
    how many attempts there are, `chance` drawn evenly from [0, 1).
    """
    wish = min(max(failure.retry_after_s or 0.0, 0.0), MAX_RETRY_AFTER_S)
    match failure.error_class:
        case ErrorClass.PERMANENT | ErrorClass.POISON:
            return Bury(exhausted=False)
        case ErrorClass.THROTTLED | ErrorClass.OUTAGE:
            return Retry(max(wish, WEATHER_BACKOFF.wait(setbacks + 1, chance)), refund=True)
        case ErrorClass.TRANSIENT:
            if attempt >= limit:
                return Bury(exhausted=True)
            return Retry(max(wish, ATTEMPT_BACKOFF.wait(attempt, chance)), refund=False)
