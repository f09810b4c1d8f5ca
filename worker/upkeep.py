"""What any worker does for all now and then: expired leases, results that nobody heard, messages that came due."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from lomi_ops.config.schema import WorkerSection
from lomi_ops.db import outbox
from lomi_ops.db.pool import Database
from lomi_ops.domain.delivery import deliver
from lomi_ops.queue.jobs import JobQueue

log = logging.getLogger(__name__)


def keep_up(queue: JobQueue, database: Database, section: WorkerSection) -> None:
    """One round. Raises RedisUnavailable and DatabaseUnavailable; each part is safe to repeat."""
    _reap(queue, section)
    queue.relay()
    now = datetime.now(UTC)
    due = outbox.outbox_due(database, at=now)
    deliver(due, queue.announce, lambda message_id: outbox.mark_published(database, message_id, at=now))


def _reap(queue: JobQueue, section: WorkerSection) -> None:
    reaped = queue.reap(lease_s=section.lease_s, tick_s=section.reap_s)
    for word, names in (("requeued", reaped.requeued), ("dead", reaped.buried), ("cancelled", reaped.cancelled)):
        for job_id in names:
            log.warning("lease expired, job %s", word, extra={"action": "job_reaped", "job_id": job_id, "to": word})
