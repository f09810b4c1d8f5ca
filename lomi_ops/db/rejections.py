"""Approved and rejected photos hour by hour, for whoever asks since when so many are rejected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lomi_ops.db.pool import Database
from lomi_ops.domain.window import Window


@dataclass(frozen=True, slots=True)
class DecidedHour:
    """Photos of one hour that stand alike."""

    hour: datetime
    status: str
    """approved or rejected"""
    reason: str | None
    photos: int


def decided_hours(db: Database, window: Window) -> list[DecidedHour]:
    """The approved and rejected photos uploaded in a window, in order of time."""
    return db.all(DecidedHour, "decided_hours", start=window.start, end=window.end)
