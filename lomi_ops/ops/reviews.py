"""A person's decisions: taken, recorded, and sent out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db import media, outbox, overrides
from lomi_ops.db.overrides import Overridden
from lomi_ops.db.pool import Database
from lomi_ops.domain.delivery import deliver
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import LomiError, NotFound
from lomi_ops.queue.jobs import JobQueue


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was left as it is."""

    media_id: UUID
    failure: LomiError


@dataclass(frozen=True, slots=True)
class Step:
    """What one call decided."""

    done: tuple[Overridden, ...]
    refused: tuple[Refusal, ...]
    published: int


def decide(
    database: Database,
    queue: JobQueue,
    media_ids: Sequence[UUID],
    status: MediaStatus,
    reason: Reason | None,
    *,
    actor: str,
    note: str,
    at: datetime,
    fresh_id: Callable[[], UUID] = uuid.uuid4,
) -> Step:
    """Overrides each photo on its own, then publishes what is due. One refusal does not stop the others.

    A photo is changed only if it still stands as it did when this call looked at it.
    """
    standing = media.photos_of(database, media_ids)
    done: list[Overridden] = []
    refused: list[Refusal] = []
    for media_id in dict.fromkeys(media_ids):
        try:
            row = standing.get(media_id)
            if row is None:
                raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
            seen = MediaStatus(row.status or MediaStatus.PENDING)
            done.append(
                overrides.override(
                    database, media_id, status, reason, actor, expect=seen, at=at, job_id=str(fresh_id()), note=note
                )
            )
        except LomiError as failure:
            refused.append(Refusal(media_id, failure))
    published = publish_due(database, queue, at) if done else 0
    return Step(tuple(done), tuple(refused), published)


def publish_due(database: Database, queue: JobQueue, at: datetime) -> int:
    """Sends what waits in the outbox; how many messages went out."""
    due = outbox.outbox_due(database, at=at)
    return deliver(due, queue.announce, lambda message_id: outbox.mark_published(database, message_id, at=at))
