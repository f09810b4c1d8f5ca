"""One job is one element of the queue is one batch of 1-9 photos."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

MAX_PHOTOS = 9
"""Per batch, by the backend's own limit."""
MAX_JOB_BYTES = 256 * 1024
"""A larger element of the list is poison."""


class Priority(IntEnum):
    """The queue's own, kept with the job. An element of the producer says 1 or 2; whatever else it says is 1."""

    BULK = 0
    """Yields to all others."""
    NORMAL = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """A photo as the producer names it. The bytes are read by bucket and key, never by the producer's URL."""

    media_id: UUID
    key: str
    bucket: str
    url: str = ""
    """`r2_url`: untrusted data; kept for the record, not fetched."""


@dataclass(frozen=True, slots=True)
class Job:
    job_id: str
    """A UUID from the producer; the SHA-1 of the raw element where it carries none."""
    batch_id: UUID
    user_id: UUID
    telegram_id: int
    """int64; 0 where the user has no Telegram account."""
    photos: tuple[PhotoRef, ...]
    created_at: datetime | None = None
    """Aware; None where the producer's stamp cannot be read."""
    retry_count: int = 0
    priority: Priority = Priority.NORMAL
