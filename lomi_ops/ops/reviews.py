"""What people should look at; their decisions: taken, recorded, and sent out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.db import media, outbox, overrides
from lomi_ops.db.media import PhotoFilter, PhotoRow
from lomi_ops.db.outbox import OutboxMessage
from lomi_ops.db.overrides import Overridden
from lomi_ops.db.pool import Database
from lomi_ops.domain.delivery import deliver
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus, Reason
from lomi_ops.errors import Conflict, LomiError, NotFound, Transient

if TYPE_CHECKING:
    from lomi_ops.queue.jobs import JobQueue

_DECIDED = {
    Pile.WAITING: (),
    Pile.REJECTED: (MediaStatus.REJECTED,),
    Pile.FAILED: (MediaStatus.FAILED,),
    Pile.ALL: (MediaStatus.REJECTED, MediaStatus.FAILED),
}


def listed(database: Database, pile: Pile, reason: str | None, limit: int) -> tuple[PhotoRow, ...]:
    """Photos that wait for a person first, then those that a worker decided against; the latest upload first in each.

    `reason` restricts the latter; `needs_review` asks for the former alone. What waits for a worker is not here.
    """
    rows: tuple[PhotoRow, ...] = ()
    if pile in (Pile.WAITING, Pile.ALL) and reason in (None, NEEDS_REVIEW):
        rows = media.listed(database, media.IN_REVIEW, limit=limit)
    if (statuses := _DECIDED[pile]) and len(rows) < limit:
        wanted = PhotoFilter(statuses, (reason,) if reason else None)
        rows += media.listed(database, wanted, limit=limit - len(rows))
    return rows


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
    """Messages that went out: of these decisions, and of earlier ones that were due."""
    unsent: Transient | None = None
    """Why the messages of `done` still wait in the outbox; a worker, or the next decision, sends them."""


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

    A photo is changed only if it still stands as it did when this call looked at it. Raises DatabaseUnavailable, and
    LomiError where there is no place to record a decision; a Redis that is away is told in the answer, since the
    decisions hold.
    """
    if not media.has_lomi_schema(database):
        raise LomiError("no schema lomi here: a decision could not be recorded", hint="lomi migrate apply")
    standing = media.photos_of(database, media_ids)
    done: list[Overridden] = []
    refused: list[Refusal] = []
    for media_id in dict.fromkeys(media_ids):
        try:
            seen = _standing(standing.get(media_id), media_id)
            done.append(
                overrides.override(
                    database, media_id, status, reason, actor, expect=seen, at=at, job_id=str(fresh_id()), note=note
                )
            )
        except LomiError as failure:
            refused.append(Refusal(media_id, failure))
    published, unsent = _published(database, queue, at) if done else (0, None)
    return Step(tuple(done), tuple(refused), published, unsent)


def _standing(row: PhotoRow | None, media_id: UUID) -> MediaStatus:
    if row is None:
        raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
    try:
        return MediaStatus(row.status or "")
    except ValueError:
        text = f"photo {media_id} stands as {row.status!r}, which is no status of the contract"
        raise Conflict(text, hint="look at its row in media; nothing was changed") from None


def _published(database: Database, queue: JobQueue, at: datetime) -> tuple[int, Transient | None]:
    try:
        return publish_due(database, queue, at), None
    except Transient as outage:
        return 0, outage


def publish_due(database: Database, queue: JobQueue, at: datetime) -> int:
    """Sends what waits in the outbox; how many messages went out. Raises RedisUnavailable, DatabaseUnavailable.

    A message that is claimed is nobody else's to send: so Redis is asked first, and one is claimed at a time.
    """
    queue.stats()
    return deliver(_due(database, at), queue.announce, lambda message: outbox.mark_published(database, message, at=at))


def _due(database: Database, at: datetime) -> Iterator[OutboxMessage]:
    while claimed := outbox.outbox_due(database, at=at, limit=1):
        yield from claimed
