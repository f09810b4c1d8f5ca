"""Messages of later decisions, waiting to be published once.

A message is claimed before it is published and marked after it. A crash in between leaves it claimed and unmarked:
whether it went out only the queue knows, which publishes an id once for as long as it remembers it. After a minute
somebody else claims it anew and announces it again there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.decision import ResultMessage
from lomi_ops.domain.delivery import CONFIRM_AFTER, REMEMBERED
from lomi_ops.errors import NotFound


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message to publish on `moderation_results`."""

    id: int
    job_id: str
    payload: str
    """As it is published."""
    due_at: datetime


def put_on(session: Session, message: ResultMessage, *, due_at: datetime) -> None:
    """Adds a message within the caller's transaction. Raises LomiError for a job_id that is there already."""
    session.run("outbox_put", job_id=message.job_id, payload=message.to_json(), due_at=due_at)


def overtake_on(session: Session, media_id: UUID, due_at: datetime) -> datetime:
    """When the next message about a photo may go out, wanted at `due_at`; within the caller's transaction.

    The backend writes whatever it hears last. So an earlier message that was not sent is sent no more, not even one
    whose sender was killed over it; and as long as that sender may be alive and slow, the next one waits.
    """
    waits = session.one(_Waits, "outbox_overtake", media_id=media_id)
    if waits and waits.claimed_at:
        due_at = max(due_at, waits.claimed_at + CONFIRM_AFTER)
    return max(due_at, waits.due_at) if waits and waits.due_at else due_at


def outbox_due(db: Database, *, at: datetime, limit: int = 100) -> tuple[OutboxMessage, ...]:
    """Claims messages that are due, the oldest first. They are the caller's alone to publish, now or never."""
    claimed = db.all(OutboxMessage, "outbox_claim", at=at, limit=limit)
    return tuple(sorted(claimed, key=lambda message: (message.due_at, message.id)))


def mark_published(db: Database, message_id: int, *, at: datetime) -> None:
    """Notes that a claimed message went out. Raises NotFound for one that nobody claimed."""
    if not db.run("outbox_published", id=message_id, at=at):
        raise NotFound(f"no claimed message {message_id} waits in the outbox")


def unconfirmed(db: Database, *, claimed_before: datetime, at: datetime, limit: int = 100) -> tuple[OutboxMessage, ...]:
    """Claims messages anew that were claimed before a moment and never marked: whether they went out, nobody knows.
    What the queue may have forgotten is left to people."""
    since = at - REMEMBERED
    return tuple(db.all(OutboxMessage, "outbox_unconfirmed", before=claimed_before, since=since, at=at, limit=limit))


def waits(db: Database, *, at: datetime) -> bool:
    """Whether there is anything to take."""
    return bool(db.value("outbox_waits", at=at, before=at - CONFIRM_AFTER, since=at - REMEMBERED))


def take_next(db: Database, *, at: datetime) -> OutboxMessage | None:
    """Claims one message: what is due, then what somebody was interrupted over."""
    found = outbox_due(db, at=at, limit=1) or unconfirmed(db, claimed_before=at - CONFIRM_AFTER, at=at, limit=1)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class _Waits:
    claimed_at: datetime | None
    """Of a message that was claimed and never marked."""
    due_at: datetime | None
    """Of one that goes first."""
