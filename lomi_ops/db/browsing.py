"""Photos however they stand: page by page, by the bounds of a filter. What does not say otherwise works without the
schema `lomi`.

Pages go on where the last one ended, by key: the millionth page takes as long as the first. `media` is the backend's,
and has an index by time only where somebody made one: without it a page in the order of time reads the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.media import Count, PhotoRow
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.review_filter import Bounds

LARGEST = 20_000
"""Photos of a page, at most: each is larger than the one before, for whoever goes on will want many."""
GROWS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: behind this photo."""

    media_id: UUID
    uploaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    """What one user uploaded on a day, as it stands now."""

    day: date
    photos: int
    approved: int
    rejected: int
    failed: int
    waiting: int


@dataclass(frozen=True, slots=True)
class JobOfPhoto:
    """A job that a photo was in."""

    job_id: str
    opened_at: datetime
    claimed_at: datetime | None
    settled_at: datetime | None
    attempt: int | None
    """The last one, from 1."""
    worker: str | None
    host: str | None
    first_outage_at: datetime | None
    skipped: str | None
    """Why the job left this photo as it was."""


def latest(db: Database, bounds: Bounds, *, after: Place | None = None, size: int) -> Iterator[tuple[PhotoRow, ...]]:
    """Pages of photos, the latest upload first; those without a time of upload come last, by id."""
    asked, number = _asked(bounds), size
    place = after if after and after.uploaded_at else None
    while after is None or after.uploaded_at is not None:
        at, behind = (place.uploaded_at, place.media_id) if place else (None, None)
        page = db.all(PhotoRow, "photos_browse", **asked, after_at=at, after_id=behind, limit=number)
        if page:
            yield tuple(page)
        if len(page) < number:
            break
        place, number = Place(page[-1].media_id, page[-1].created_at), _more(number, size)
    if bounds.start is None and bounds.end is None:
        yield from _undated(db, asked, after.media_id if after and after.uploaded_at is None else None, size)


def _undated(db: Database, asked: dict[str, Any], behind: UUID | None, size: int) -> Iterator[tuple[PhotoRow, ...]]:
    while page := db.all(PhotoRow, "photos_by_id", **asked, undated=True, after_id=behind, limit=size):
        yield tuple(page)
        if len(page) < size:
            return
        behind = page[-1].media_id


def by_id(db: Database, bounds: Bounds, *, after: UUID | None = None, size: int) -> tuple[PhotoRow, ...]:
    """The next photos in the order of their ids."""
    return tuple(db.all(PhotoRow, "photos_by_id", **_asked(bounds), undated=False, after_id=after, limit=size))


def every_on(session: Session, bounds: Bounds) -> Iterator[PhotoRow]:
    """All of them in any order, as they come. Inside the caller's transaction."""
    return session.stream(PhotoRow, "photos_every", **_asked(bounds))


def days_of(db: Database, user_id: UUID, *, limit: int) -> tuple[Day, ...]:
    """The latest first."""
    return tuple(db.all(Day, "user_days", user_id=user_id, limit=limit))


def reasons_of(db: Database, user_id: UUID) -> tuple[Count, ...]:
    """How all photos of a user stand, the most frequent first."""
    return tuple(db.all(Count, "user_reasons", user_id=user_id))


def jobs_of(db: Database, media_id: UUID, batch_id: UUID | None) -> tuple[JobOfPhoto, ...]:
    """Needs the schema `lomi`."""
    return tuple(db.all(JobOfPhoto, "photo_attempts", media_id=media_id, batch_id=batch_id))


def files_of(db: Database, media_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """SHA-256 of their files, of those whose file a worker has read. Needs the schema `lomi`."""
    return {row.media_id: row.sha256 for row in db.all(_File, "photo_files", ids=list(media_ids))}


@dataclass(frozen=True, slots=True)
class _File:
    media_id: UUID
    sha256: str


def _more(number: int, size: int) -> int:
    return min(GROWS * number, max(size, LARGEST))


def _asked(bounds: Bounds) -> dict[str, Any]:
    return {
        "statuses": None if bounds.statuses is None else [readable(each) for each in bounds.statuses],
        "reasons": None if bounds.reasons is None else [readable(each) for each in bounds.reasons],
        "users": None if bounds.users is None else list(bounds.users),
        "batches": None if bounds.batches is None else list(bounds.batches),
        "ids": None if bounds.photos is None else list(bounds.photos),
        "start": bounds.start,
        "end": bounds.end,
        "decided_start": bounds.decided_start,
        "decided_end": bounds.decided_end,
        "bands": jsonb([asdict(band) for band in bounds.bands]) if bounds.bands else None,
    }
