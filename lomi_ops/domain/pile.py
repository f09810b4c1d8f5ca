"""What lies before the people who review."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus, Reason

ADULT = 18
"""Years. Whoever may be younger lies apart, whatever limit a policy has."""
COUNTED = 10_000
"""Photos of a pile that are counted: of more nobody needs the number, and all would have to be looked at for it."""


class Pile(StrEnum):
    """Which photos to look at. Suspected minors lie on a pile of their own and on no other one."""

    WAITING = "waiting"
    """For a person; what waits for a worker is on no pile."""
    REJECTED = "rejected"
    FAILED = "failed"
    MINORS = "minors"
    """Suspected: somebody looks at them who knows what to do, and each look is on record."""
    ALL = "all"
    """But for suspected minors."""

    @property
    def parts(self) -> tuple[Pile, ...]:
        """The piles that it is made of, in the order in which they are worked through."""
        return (Pile.WAITING, Pile.REJECTED, Pile.FAILED) if self is Pile.ALL else (self,)

    @property
    def oldest_first(self) -> bool:
        """Whoever waits for a person waits longest; what was decided wrongly is told best while it is fresh."""
        return self in (Pile.WAITING, Pile.MINORS)


def so_many(photos: int) -> str:
    """A count that went no further than COUNTED: `10,000+` may be just as many, or any number more."""
    return f"{photos:,}" if photos < COUNTED else f"{COUNTED:,}+"


def pile_of(status: str | None, reason: str | None, scores: object) -> Pile | None:
    """Where a photo lies; None for one that nobody needs to look at, and for one that waits for a worker."""
    waits = status == MediaStatus.PENDING and reason == NEEDS_REVIEW
    if not waits and status not in (MediaStatus.REJECTED, MediaStatus.FAILED):
        return None
    if suspected_minor(reason, scores):
        return Pile.MINORS
    return Pile.WAITING if waits else Pile(str(status))


def suspected_minor(reason: str | None, scores: object) -> bool:
    """By the reason, by any ground of the verdict, or by an estimated age: a rejection for nudity hides none."""
    if reason == Reason.UNDERAGE:
        return True
    if not isinstance(scores, Mapping):
        return False
    age: Any = scores.get("estimated_age")
    if isinstance(age, int | float) and not isinstance(age, bool) and age < ADULT:
        return True
    grounds: Any = scores.get("grounds")
    if not isinstance(grounds, list):
        return False
    return any(isinstance(each, Mapping) and each.get("reason") == Reason.UNDERAGE for each in grounds)
