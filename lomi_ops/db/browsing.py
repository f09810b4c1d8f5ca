"""Photos however they stand: page by page, by the bounds of a filter. What does not say otherwise works without the
schema `lomi`.

Pages go on where the last one ended, by key: the millionth page takes as long as the first. `media` is the backend's,
and has an index by time only where somebody made one: without it a page in the order of time reads the table. With it
`stretches` goes back step by step, so that whoever finds little can stop and say how far that was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.media import Count, PhotoRow
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.review_filter import Band, Bounds

LARGEST = 20_000
"""Photos of a page, at most: each is larger than the one before, for whoever goes on will want many."""
GROWS = 4
FIRST_STEP, LARGEST_STEP = 1000, 16_000
"""Photos that are looked at before somebody may stop: few at first, for most questions are answered by them."""
SLOW_S = 0.03
"""Of a step: then the table is not in memory, or the machine is busy, and the next one looks at fewer."""
AT_ONCE = 2000
"""Photos of a step that come at once, at most."""
_NOWHERE = UUID(int=0)
"""Behind every photo of its time, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: behind this photo."""

    media_id: UUID
    uploaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Photos that a filter may admit, and the place up to which these and those before are all."""

    photos: tuple[PhotoRow, ...]
    upto: Place | None
    """None where nothing lies behind."""
    looked_at: int = 0
    """Photos that all steps up to here looked at, whether they match or not; those of one moment count once."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How photos are found, beside by their id, their batch and what is pending, for which there is always an index."""

    rows: int
    """Of the table, as the server believes: 0 or less for a table that nobody has analyzed."""
    by_time: bool
    by_user: bool
    by_pile: bool
    """Whether what was rejected, and what failed, is found by time on its own."""


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
        page = _page(db, asked, place, number)
        if page:
            yield page
        if len(page) < number:
            break
        place, number = Place(page[-1].media_id, page[-1].created_at), _more(number, size)
    if bounds.start is None and bounds.end is None:
        yield from _undated(db, asked, after.media_id if after and after.uploaded_at is None else None, size)


def _page(db: Database, asked: Mapping[str, Any], place: Place | None, number: int) -> tuple[PhotoRow, ...]:
    at, behind = (place.uploaded_at, place.media_id) if place else (None, None)
    return tuple(db.all(PhotoRow, "photos_browse", **asked, after_at=at, after_id=behind, limit=number))


def _undated(db: Database, asked: dict[str, Any], behind: UUID | None, size: int) -> Iterator[tuple[PhotoRow, ...]]:
    while page := db.all(PhotoRow, "photos_by_id", **asked, undated=True, after_id=behind, limit=size):
        yield tuple(page)
        if len(page) < size:
            return
        behind = page[-1].media_id


def pages(db: Database, bounds: Bounds, *, after: Place | None = None, size: int) -> Iterator[Stretch]:
    """The same as stretches that match throughout: for what indexes find, or where nothing but the table is there."""
    for page in latest(db, bounds, after=after, size=size):
        yield Stretch(page, Place(page[-1].media_id, page[-1].created_at))
    yield Stretch((), None)


def stretches(
    db: Database, bounds: Bounds, *, after: Place | None = None, size: int, status: str | None = None
) -> Iterator[Stretch]:
    """The same photos in the same order, and how far that is, also where none is found: each step looks at so many
    photos and no more. Wants an index by time, or with `status`, of rejected or failed photos alone, the one for
    piles."""
    bounds = replace(bounds, statuses=(status,)) if status else bounds
    place, step, number, looked_at = after, FIRST_STEP, size, 0
    while place is None or place.uploaded_at is not None:
        began = time.monotonic()
        edge = _edge(db, bounds, place, step, status)
        asked = _asked(replace(bounds, start=edge) if edge else bounds)
        while True:
            page = _page(db, asked, place, number)
            if len(page) < number:
                break
            place, number = Place(page[-1].media_id, page[-1].created_at), min(GROWS * number, max(size, AT_ONCE))
            yield Stretch(page, place, looked_at)
        if edge is None:
            yield from _last_stretches(db, bounds, page, size)
            return
        looked_at += step
        place, step = Place(_NOWHERE, edge), next_step(step, time.monotonic() - began)
        yield Stretch(page, place, looked_at)
    yield from _undated_stretches(db, bounds, place.media_id, size)


def next_step(step: int, took_s: float) -> int:
    """Four times as many photos, up to the largest step; a quarter after one that was slow, down to the first."""
    return max(step // GROWS, FIRST_STEP) if took_s > SLOW_S else min(GROWS * step, LARGEST_STEP)


def _edge(db: Database, bounds: Bounds, place: Place | None, step: int, status: str | None) -> datetime | None:
    """Where a step ends that goes on behind a place; None where it goes to the end."""
    before = place.uploaded_at if place else None
    asked = {"start": bounds.start, "end": bounds.end, "before": before, "photos": step}
    found = db.value("photos_edge_of_status", **asked, status=status) if status else db.value("photos_edge", **asked)
    return found if isinstance(found, datetime) else None


def _last_stretches(db: Database, bounds: Bounds, page: tuple[PhotoRow, ...], size: int) -> Iterator[Stretch]:
    """The last photos that have a time, and those that have none."""
    if bounds.start is not None or bounds.end is not None:
        yield Stretch(page, None)
        return
    for undated in _undated_stretches(db, bounds, None, size):
        yield replace(undated, photos=(*page, *undated.photos))
        page = ()


def _undated_stretches(db: Database, bounds: Bounds, behind: UUID | None, size: int) -> Iterator[Stretch]:
    while True:
        page = db.all(PhotoRow, "photos_by_id", **_asked(bounds), undated=True, after_id=behind, limit=size)
        if len(page) < size:
            yield Stretch(tuple(page), None)
            return
        behind = page[-1].media_id
        yield Stretch(tuple(page), Place(behind, None))


def photo_at(db: Database, place: Place) -> UUID | None:
    """The photo behind which a list goes on from here; None where all up to here have been taken away."""
    if place.media_id != _NOWHERE:
        return place.media_id
    found = db.value("photos_at", at=place.uploaded_at)
    return found if found is None else UUID(str(found))


def ways(db: Database) -> Ways:
    return db.one(Ways, "photos_ways") or Ways(0, by_time=False, by_user=False, by_pile=False)


def few_pending(db: Database, most: int) -> bool:
    """Whether what is pending is so little that all of it may be looked at."""
    return int(db.value("photos_pending_upto", limit=most + 1)) <= most


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
        "bands": jsonb(_bands(bounds.bands)) if bounds.bands else None,
    }


def _bands(bands: Sequence[Band]) -> dict[str, dict[str, str]]:
    """By the path of the score. Somewhat wider, since a float stands for all numbers near it."""
    return {
        ".".join(path): _ends([band for band in bands if band.path == path])
        for path in dict.fromkeys(band.path for band in bands)
    }


def _ends(bands: Sequence[Band]) -> dict[str, str]:
    lows = [band.low - abs(band.low) * _NEAR for band in bands if band.low is not None]
    highs = [band.high + abs(band.high) * _NEAR for band in bands if band.high is not None]
    return {"low": str(max(lows)) if lows else f"-{_BEYOND}", "high": str(min(highs)) if highs else _BEYOND}


_NEAR = 1e-9
_BEYOND = "1e1000"
