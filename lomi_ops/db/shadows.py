"""What policies that do not hold said of photos, and how the arms of an experiment fare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.window import Window


@dataclass(frozen=True, slots=True)
class Agreement:
    policy: str
    """`name@version`, by which it was decided."""
    shadow: str
    outcome: str
    said: str
    photos: int
    example: str


@dataclass(frozen=True, slots=True)
class ShadowUsers:
    """How often a shadow agreed with what held, by users."""

    policy: str
    shadow: str
    users: int
    photos: int
    agreed: int
    photos_squares: int
    """Of each user's, added up."""
    agreed_squares: int
    products: int


@dataclass(frozen=True, slots=True)
class Example:
    """A photo on which a shadow said something else."""

    media_id: UUID
    at: datetime
    policy: str
    shadow: str
    outcome: str
    said: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    activation: int
    policy: str
    outcome: str
    photos: int
    users: int
    """Those with such a photo."""
    squares: int
    """Of each user's photos with this outcome, added up."""
    products: int
    """Of each user's photos with this outcome and all photos of the user, added up."""


@dataclass(frozen=True, slots=True)
class ArmUsers:
    activation: int
    policy: str
    users: int
    photos: int
    squares: int
    """Of each user's photos, added up."""


@dataclass(frozen=True, slots=True)
class ArmChange:
    """Of an arm's approvals and rejections, how many a person changed."""

    activation: int
    policy: str
    decided: int
    changed: int
    users: int
    decided_squares: int
    """Of each user's, added up."""
    changed_squares: int
    products: int


def agreement(db: Session | Database, window: Window) -> list[Agreement]:
    return db.all(Agreement, "shadow_agreement", start=window.start, end=window.end)


def shadow_users(db: Session | Database, window: Window) -> list[ShadowUsers]:
    return db.all(ShadowUsers, "shadow_users", start=window.start, end=window.end)


def examples(db: Session | Database, window: Window, limit: int) -> list[Example]:
    """The latest first."""
    return db.all(Example, "shadow_examples", start=window.start, end=window.end, limit=limit)


def arm_users(db: Session | Database, window: Window) -> list[ArmUsers]:
    return db.all(ArmUsers, "arm_users", start=window.start, end=window.end)


def arm_outcomes(db: Session | Database, window: Window) -> list[ArmOutcome]:
    return db.all(ArmOutcome, "arm_outcomes", start=window.start, end=window.end)


def arm_changes(db: Session | Database, window: Window) -> list[ArmChange]:
    return db.all(ArmChange, "arm_changes", start=window.start, end=window.end)
