"""Sends what waits in the outbox. Workers do the same every second, and so does every command that decides.

A message is claimed, announced and marked, in that order; the queue announces an id once. Whoever is killed in between
leaves a claimed message, which the next one announces again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from lomi_ops.db import outbox
from lomi_ops.db.pool import Database
from lomi_ops.domain.delivery import deliver
from lomi_ops.errors import LomiError, NotFound, Transient

if TYPE_CHECKING:
    from lomi_ops.queue.jobs import JobQueue


def publish_due(database: Database, queue: JobQueue, now: Callable[[], datetime]) -> int:
    """Sends what is due, and what somebody was killed over; how many messages went out. Raises RedisUnavailable,
    DatabaseUnavailable.

    Redis is asked first, and one message is claimed at a time: a claimed one waits for a minute before it is anybody's
    again.
    """
    unheard = 0

    def announce(job_id: str, payload: bytes, until_ms: int) -> bool:
        nonlocal unheard
        said = queue.announce(job_id, payload, until_ms=until_ms)
        unheard += not said.late and not said.receivers
        return not said.late

    def confirm(message_id: int) -> None:
        with suppress(NotFound):  # somebody else marked it in between
            outbox.mark_published(database, message_id, at=now())

    sent = deliver(queue.now_ms, lambda: outbox.take_next(database, at=now()), announce, confirm)
    if unheard:
        with suppress(LomiError):  # it is kept, and tried again by each worker
            queue.relay()  # it may have to wait behind others, and where no worker runs nobody else sends them
    return sent


def published(database: Database, queue: JobQueue, now: Callable[[], datetime]) -> tuple[int, Transient | None]:
    """The same for whoever goes on without: how many went out, and why the rest still waits."""
    try:
        return publish_due(database, queue, now), None
    except Transient as outage:
        return 0, outage
