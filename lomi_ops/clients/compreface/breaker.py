"""Circuit breaker of one endpoint. Pure: time is passed in, every step gives a new value.

CLOSED --failures in a row--> OPEN --time, then one caller--> HALF_OPEN --its health and call--> CLOSED | OPEN
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

PARDON_S = 1.0
"""How long it is left alone where it asked to slow down and did not say how long."""
LONGEST_PARDON_S = 60.0
"""Then somebody looks again, whatever it has asked for."""


class State(StrEnum):
    CLOSED = "closed"
    """In use."""
    OPEN = "open"
    """Ejected."""
    HALF_OPEN = "half_open"
    """One caller is trying it; the others go elsewhere."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`limit` failures in a row eject; `reset_s` seconds later one caller may ask again."""

    limit: int
    reset_s: float
    state: State = State.CLOSED
    failures: int = 0
    until: float = 0.0
    """On the caller's clock; only while OPEN."""
    asked: bool = False
    """It is left alone because it asked to be: it is well, and comes back without having its health checked."""

    def admits(self, now: float) -> bool:
        """Whether a caller may take it; one that takes an OPEN one calls `trying` first."""
        return self.state is State.CLOSED or self.due(now)

    def due(self, now: float) -> bool:
        """Whether it is ejected and its time is over."""
        return self.state is State.OPEN and now >= self.until

    def trying(self) -> Breaker:
        """One that was taken after its time."""
        return Breaker(self.limit, self.reset_s) if self.asked else replace(self, state=State.HALF_OPEN)

    def succeeded(self) -> Breaker:
        """Readmits a tried one. An answer that was under way when the endpoint was ejected changes nothing."""
        if self.state is State.OPEN:
            return self
        return Breaker(self.limit, self.reset_s)

    def answering(self) -> Breaker:
        """It was asked although it is ejected, and has answered about a photo: that says more than its health."""
        return self if self.asked else Breaker(self.limit, self.reset_s)

    def failed(self, now: float) -> Breaker:
        """Counts in use; ejects at the limit, and at once when it was being tried."""
        failures = self.failures + 1
        if self.state is State.OPEN:
            return replace(self, failures=failures)
        if self.state is State.CLOSED and failures < self.limit:
            return replace(self, failures=failures)
        return replace(self, state=State.OPEN, failures=failures, until=now + self.reset_s, asked=False)

    def held(self, now: float, seconds: float | None) -> Breaker:
        """The other side asked for a pause."""
        pause = now + min(PARDON_S if seconds is None else seconds, LONGEST_PARDON_S)
        if self.state is State.OPEN:
            return replace(self, until=max(self.until, pause))
        return replace(self, state=State.OPEN, until=pause, asked=True)
