"""Messages of later decisions, waiting to be published once.

A message is claimed before it is published and marked after it. A crash in between leaves it claimed and unmarked:
whether it went out only the queue knows, which publishes an id once for as long as it remembers it. `unconfirmed` names
these messages, for somebody who announces them again there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.decision import ResultMessage
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


def outbox_due(db: Database, *, at: datetime, limit: int = 100) -> tuple[OutboxMessage, ...]:
    """Claims messages that are due, the oldest first. They are the caller's alone to publish, now or never."""
    claimed = db.all(OutboxMessage, "outbox_claim", at=at, limit=limit)
    return tuple(sorted(claimed, key=lambda message: (message.due_at, message.id)))


def mark_published(db: Database, message_id: int, *, at: datetime) -> None:
    """Notes that a claimed message went out. Raises NotFound for one that nobody claimed."""
    if not db.run("outbox_published", id=message_id, at=at):
        raise NotFound(f"no claimed message {message_id} waits in the outbox")


def unconfirmed(db: Database, *, claimed_before: datetime, limit: int = 100) -> tuple[OutboxMessage, ...]:
    """Messages that were claimed before a moment and never marked: whether they went out, nobody knows."""
    return tuple(db.all(OutboxMessage, "outbox_unconfirmed", before=claimed_before, limit=limit))
