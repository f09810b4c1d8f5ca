"""Reads of `media`. Everything here works on a cluster that has no schema `lomi` yet.

On a database where the moderation columns are missing these raise LomiError with the hint `lomi migrate apply`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.domain.pile import Pile, pile_of
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus
from lomi_ops.domain.window import Window

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """A row of `media` as far as moderation is concerned."""

    media_id: UUID
    user_id: UUID
    batch_id: UUID | None
    url: str
    """The object's key."""
    status: str | None
    """A `MediaStatus`, or whatever another program wrote."""
    reason: str | None
    scores: dict[str, Any] | None
    retry_count: int
    created_at: datetime | None
    moderated_at: datetime | None

    @property
    def in_review(self) -> bool:
        return self.status == MediaStatus.PENDING and self.reason == NEEDS_REVIEW

    @property
    def pile(self) -> Pile | None:
        """On which it lies before the people who review."""
        return pile_of(self.status, self.reason, self.scores)


@dataclass(frozen=True, slots=True)
class Pending:
    """What is undecided now."""

    waiting: int
    """For a worker."""
    in_review: int
    """For a person."""
    never_queued: int
    """Of those waiting: rows of the old endpoint (zero UUID, or no batch)."""
    oldest_waiting: datetime | None


@dataclass(frozen=True, slots=True)
class Count:
    """So many photos stand like this."""

    status: str
    reason: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class PhotoFilter:
    """Which photos to list; what is None does not matter."""

    statuses: Collection[MediaStatus] | None = None
    reasons: Collection[str] | None = None
    user_id: UUID | None = None
    batch_id: UUID | None = None
    uploaded: Window | None = None


IN_REVIEW = PhotoFilter((MediaStatus.PENDING,), (NEEDS_REVIEW,))
REJECTED = PhotoFilter((MediaStatus.REJECTED,))


def has_lomi_schema(db: Database) -> bool:
    """False on a cluster that only the old workers know."""
    return bool(db.value("has_table", name="lomi.schema_migrations"))


def has_media(db: Database) -> bool:
    """False where this is not the backend's database."""
    return bool(db.value("has_table", name="media"))


def photos_of(db: Database, media_ids: Sequence[UUID]) -> dict[UUID, PhotoRow]:
    """The rows of some photos by id; a photo without a row is left out."""
    return {row.media_id: row for row in db.all(PhotoRow, "photos_of", ids=list(media_ids))}


def pending(db: Database) -> Pending:
    """What is undecided now."""
    return db.all(Pending, "photos_pending")[0]


def counts(db: Database, window: Window) -> tuple[Count, ...]:
    """How the photos uploaded in a window stand now, the most frequent first."""
    return tuple(db.all(Count, "photo_counts", start=window.start, end=window.end))


def listed(db: Database, wanted: PhotoFilter = PhotoFilter(), *, limit: int = 50) -> tuple[PhotoRow, ...]:
    """Photos that the filter admits, the latest upload first, at most `limit`."""
    return tuple(
        db.all(
            PhotoRow,
            "photos_listed",
            statuses=None if wanted.statuses is None else [status.value for status in wanted.statuses],
            reasons=None if wanted.reasons is None else list(wanted.reasons),
            user_id=wanted.user_id,
            batch_id=wanted.batch_id,
            start=wanted.uploaded.start if wanted.uploaded else None,
            end=wanted.uploaded.end if wanted.uploaded else None,
            limit=limit,
        )
    )
