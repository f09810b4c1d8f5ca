"""What is told of a job that was settled before: whoever settled it may have been killed before it said so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lomi_ops.db import media
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import photos_in, still_true
from lomi_ops.queue.jobs import RETENTION_S


def told_again(database: Database, payload: str | None, settled_at: datetime, now: datetime) -> str | None:
    """The message of before, without photos that a person has decided otherwise meanwhile: the backend writes what it
    hears last, and that decision has a message of its own."""
    message = message_again(payload, settled_at, now)
    if message is None:
        return None
    rows = media.photos_of(database, photos_in(message))
    standing: dict[UUID, tuple[str | None, str | None]] = {
        media_id: (row.status, row.reason) for media_id, row in rows.items()
    }
    return still_true(message, standing)


def message_again(payload: str | None, settled_at: datetime, now: datetime) -> str | None:
    """The message to finish a job with that the ledger has already: the stored one, which the queue publishes unless
    it has done so; none once the queue may have forgotten that it did, since a second message is a second push."""
    return payload if (now - settled_at).total_seconds() < RETENTION_S / 2 else None
