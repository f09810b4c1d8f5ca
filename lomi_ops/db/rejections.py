"""Approved and rejected photos hour by hour, for whoever asks since when so many are rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db import media
from lomi_ops.db.pool import Database
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window


@dataclass(frozen=True, slots=True)
class DecidedHour:
    """Photos of one hour that were decided alike."""

    hour: datetime
    status: str
    """approved or rejected"""
    reason: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class RejectedPhoto:
    user_id: UUID
    url: str
    reason: str | None
    scores: Mapping[str, Any] | None


def decided_hours(db: Database, window: Window, *, logged: bool) -> list[DecidedHour]:
    """The approved and rejected photos of a window, in order of time: those that were decided in it, from the log
    (`logged`), else those uploaded in it, by how they stand now."""
    block = "logged_hours" if logged else "decided_hours"
    return db.all(DecidedHour, block, start=window.start, end=window.end)


def latest_rejected(db: Database, window: Window, limit: int, *, logged: bool) -> list[RejectedPhoto]:
    """The rejected photos of a window, the latest first; of which window, `decided_hours` says."""
    if logged:
        return db.all(RejectedPhoto, "logged_rejections", start=window.start, end=window.end, limit=limit)
    wanted = media.PhotoFilter((MediaStatus.REJECTED,), uploaded=window)
    return [
        RejectedPhoto(row.user_id, row.url, row.reason, row.scores) for row in media.listed(db, wanted, limit=limit)
    ]
