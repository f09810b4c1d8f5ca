"""Uploads as the backend records them, for photos of our own. On a cluster `users` and `media` are the backend's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db.pool import Database
from lomi_ops.domain.job import Job
from lomi_ops.domain.window import Window


def record_uploads(db: Database, user_id: UUID, name: str, jobs: Sequence[Job], at: datetime) -> None:
    """A new user without a Telegram account, and a pending row for every photo of the user's batches, all in one
    transaction. `at` is the time of the upload."""
    with db.transaction() as session:
        session.run("upload_user", id=user_id, telegram_id=None, name=name)
        photos = [(job.batch_id, photo) for job in jobs for photo in job.photos]
        for position, (batch_id, photo) in enumerate(photos, start=1):
            session.run(
                "upload_photo",
                id=photo.media_id,
                user_id=user_id,
                batch_id=batch_id,
                key=photo.key,
                position=position,
                at=at,
            )


def forget_user(db: Database, user_id: UUID) -> bool:
    """Removes the user and the user's photos; what was decided stays in the decision log. False where there is none."""
    return db.run("upload_forget", id=user_id) > 0


@dataclass(frozen=True, slots=True)
class Uploads:
    user_id: UUID
    photos: int


def by_user(db: Database, window: Window, limit: int) -> list[Uploads]:
    """The users who uploaded most in a window, most first."""
    return db.all(Uploads, "uploads_by_user", start=window.start, end=window.end, limit=limit)
