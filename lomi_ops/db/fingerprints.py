"""What photos look like: kept beside their decisions, and searched for what looks the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import jsonb
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.fingerprint import FLIPS, LAST_FLIPS, SAME, WIDE_BANDS, Fingerprint
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus

ASK_AGAIN_S = 60.0
WIDE = tuple(f"photo_hashes_wide_{place:02}" for place in range(WIDE_BANDS))
"""The indexes of wide bands, which a search goes by where all of them are there."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo and what it looks like."""

    media_id: UUID
    user_id: UUID
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Near:
    """A photo that looks the same, as it stands now."""

    media_id: UUID
    user_id: UUID
    distance: int
    """Bits that differ, 0 to `SAME`."""
    status: str | None
    """None where the photo has no row any more."""
    reason: str | None
    uploaded_at: datetime | None
    decided_at: datetime | None
    seen_at: datetime
    """When its hash was taken."""

    @property
    def in_review(self) -> bool:
        """Whether it waits for a person."""
        return self.status == MediaStatus.PENDING and self.reason == NEEDS_REVIEW


@dataclass(frozen=True, slots=True)
class Ground:
    """What a search has."""

    kept: bool
    """Whether there is a place for hashes: a schema of before has none."""
    wide: bool
    """Whether all the indexes of `WIDE` are there, and valid."""


class Shelf:
    """Whether there is a place for hashes here, asked once a minute: a schema of before has none, and a role may not be
    allowed to. Hashes are a help; for the lack of them no job may fail. Any thread may ask."""

    def __init__(self, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._guard = threading.Lock()
        self._asked_at: float | None = None
        self._open = False

    def keep_on(self, session: Session, photos: Iterable[Kept], *, at: datetime) -> None:
        """Inside the caller's transaction, where there is a place."""
        if (found := list(photos)) and self.is_open_on(session):
            _keep(session, found, at)

    def is_open_on(self, session: Session) -> bool:
        """Whether there is a place, as of a minute ago at most."""
        with self._guard:
            now = self._elapsed()
            if self._asked_at is None or now - self._asked_at >= ASK_AGAIN_S:
                self._open = is_open(session)
                self._asked_at = now
            return self._open


def is_open(session: Session | Database) -> bool:
    """False on a schema without a place for hashes, and for a role that may not add to it."""
    return bool(session.value("photo_hashes_open"))


def keep(db: Database, photos: Iterable[Kept], *, at: datetime) -> None:
    """Keeps what is not known yet. Only where `is_open`."""
    with db.session() as session:
        _keep(session, list(photos), at)


def ground(db: Database) -> Ground:
    """What a search would have here."""
    found = db.one(Ground, "photo_hashes_ground", indexes=list(WIDE))
    assert found is not None
    return found


def of(db: Database, media_ids: Collection[UUID]) -> dict[UUID, Fingerprint]:
    """Without those that no worker or reviewer of this version has looked at, and those that show too little."""
    return dict(db.all(_look, "photo_hashes_of", media_ids=list(media_ids)))


def near(
    db: Database, looks: Mapping[UUID, Fingerprint], *, wide: bool, within: int = SAME, limit: int = 50
) -> dict[UUID, tuple[Near, ...]]:
    """For each of these photos those of anybody that look the same, the nearest first, without the photo itself.
    `within` is at most `SAME`; `wide` says that all the indexes of `WIDE` are there."""
    most = min(within, SAME)
    if wide:
        return _near_wide(db, looks, most, limit)
    return {media_id: _near(db, media_id, found, most, limit) for media_id, found in looks.items()}


def _near(db: Database, media_id: UUID, looks: Fingerprint, within: int, limit: int) -> tuple[Near, ...]:
    rows = db.all(
        Near,
        "photo_hashes_near",
        hash=str(looks),
        probes=list(looks.probes),
        within=within,
        but=media_id,
        limit=limit,
    )
    return tuple(rows)


def _near_wide(
    db: Database, looks: Mapping[UUID, Fingerprint], within: int, limit: int
) -> dict[UUID, tuple[Near, ...]]:
    found: dict[UUID, list[Near]] = {media_id: [] for media_id in looks}
    with db.transaction() as session:
        session.value("photo_hashes_by_index")
        rows = session.all(
            _alike,
            "photo_hashes_near_wide",
            media_ids=list(looks),
            hashes=[str(each) for each in looks.values()],
            wide=[band for each in looks.values() for band in each.wide_bands],
            flips=list(FLIPS),
            last_flips=list(LAST_FLIPS),
            within=within,
            limit=limit,
        )
    for alike, each in rows:
        found[alike].append(each)
    return {media_id: tuple(each) for media_id, each in found.items()}


def _alike(alike: UUID, **near: Any) -> tuple[UUID, Near]:
    return alike, Near(**near)


def _look(media_id: UUID, hash: bytes) -> tuple[UUID, Fingerprint]:  # noqa: A002 - the column's name
    return media_id, Fingerprint(bytes(hash))


def _keep(session: Session, photos: list[Kept], at: datetime) -> None:
    rows = [
        {
            "media_id": photo.media_id,
            "user_id": photo.user_id,
            "hash": str(photo.fingerprint),
            "bands": photo.fingerprint.bands,
        }
        for photo in photos
    ]
    session.run("photo_hashes_keep", hashes=jsonb(rows), at=at)
