"""What photos look like: kept beside their decisions, and searched for what looks the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db.documents import jsonb
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.fingerprint import SAME, Fingerprint
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus

ASK_AGAIN_S = 60.0


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


def has_hashes(db: Database) -> bool:
    """False on a schema of before."""
    return bool(db.value("has_table", name="lomi.photo_hashes"))


def keep(db: Database, photos: Iterable[Kept], *, at: datetime) -> None:
    """Keeps what is not known yet. Only where `is_open`."""
    with db.session() as session:
        _keep(session, list(photos), at)


def of(db: Database, media_id: UUID) -> Fingerprint | None:
    """None where no worker or reviewer of this version has looked at the photo, or it shows too little."""
    bits = db.value("photo_hash_of", media_id=media_id)
    return Fingerprint(bytes(bits)) if bits is not None else None


def near(
    db: Database, fingerprint: Fingerprint, *, but: UUID | None = None, within: int = SAME, limit: int = 50
) -> tuple[Near, ...]:
    """Photos of anybody that look the same, the nearest first, without the photo `but`. `within` is at most `SAME`."""
    rows = db.all(
        Near,
        "photo_hashes_near",
        hash=str(fingerprint),
        probes=list(fingerprint.probes),
        within=min(within, SAME),
        but=but,
        limit=limit,
    )
    return tuple(rows)


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
