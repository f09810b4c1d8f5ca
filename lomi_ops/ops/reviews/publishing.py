"""Sends what waits in the outbox. Workers do the same every second, and so does every command that decides.

A message is claimed, announced and marked, in that order; the queue announces an id once. Whoever is killed in between
leaves a claimed message, which the next one announces again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lomi_ops.db import outbox
from lomi_ops.db.outbox import OutboxMessage
from lomi_ops.db.pool import Database
from lomi_ops.domain.delivery import CONFIRM_AFTER, deliver
from lomi_ops.errors import LomiError, NotFound, Transient

if TYPE_CHECKING:
    from lomi_ops.queue.jobs import JobQueue

REMEMBERED = timedelta(hours=12)
"""Half of the time for which the queue knows what it announced: what is older is left to people."""


def publish_due(database: Database, queue: JobQueue, at: datetime) -> int:
    """Sends what is due, and what somebody was killed over; how many messages went out. Raises RedisUnavailable,
    DatabaseUnavailable.

    Redis is asked first, and one message is claimed at a time: a claimed one waits for a minute before it is anybody's
    again.
    """
    queue.stats()

    unheard = 0

    def announce(job_id: str, payload: bytes) -> None:
        nonlocal unheard
        unheard += not queue.announce(job_id, payload).receivers

    def confirm(message_id: int) -> None:
        with suppress(NotFound):  # somebody else marked it in between
            outbox.mark_published(database, message_id, at=at)

    sent = deliver(_due(database, at), announce, confirm)
    if unheard:
        with suppress(LomiError):  # it is kept, and tried again by each worker
            queue.relay()  # it may have to wait behind others, and where no worker runs nobody else sends them
    return sent


def published(database: Database, queue: JobQueue, at: datetime) -> tuple[int, Transient | None]:
    """The same for whoever goes on without: how many went out, and why the rest still waits."""
    try:
        return publish_due(database, queue, at), None
    except Transient as outage:
        return 0, outage


def _due(database: Database, at: datetime) -> Iterator[OutboxMessage]:
    while claimed := outbox.outbox_due(database, at=at, limit=1):
        yield from claimed
    oldest = at - REMEMBERED
    for message in outbox.unconfirmed(database, claimed_before=at - CONFIRM_AFTER):
        if message.due_at >= oldest:
            yield message
