"""How jobs ended: what the ledger settled, and what the queue tells of those that it never heard of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import jsonb, moment, readable
from lomi_ops.db.pool import Database
from lomi_ops.domain.history import EndedJob, Outcome, PastJob
from lomi_ops.domain.window import Window

MAX_NAME = 512
"""Characters of a job's name that are kept: names are ours or at most 169 long, but a stream holds what it is told."""


def keep(db: Database, told: Sequence[EndedJob]) -> None:
    """Writes down what the queue tells; what is known already stays as it is. One statement."""
    db.run("job_ends_keep", ends=jsonb([_row(each) for each in told]))


def past_jobs(
    db: Database,
    window: Window,
    *,
    user_id: UUID | None = None,
    outcome: Outcome | None = None,
    job_ids: Collection[str] | None = None,
    limit: int = 50,
) -> tuple[PastJob, ...]:
    """The latest end first; a job that was requeued may be there twice."""
    rows = db.all(
        PastJob,
        "job_history",
        start=window.start,
        end=window.end,
        user_id=user_id,
        outcome=outcome.value if outcome else None,
        job_ids=list(job_ids) if job_ids is not None else None,
        limit=limit,
    )
    return tuple(rows)


def _row(told: EndedJob) -> dict[str, Any]:
    return {
        "job_id": readable(told.job_id)[:MAX_NAME],
        "entry": told.entry,
        "what": told.what,
        "at": _stamp(told.at_ms),
        "note": readable(told.note),
        "user_id": _uuid(told.user),
        "batch_id": _uuid(told.batch),
        "photos": min(told.photos, 2**31 - 1),
        "slot": readable(told.slot),
        "host": readable(told.host),
        "attempt": told.attempt,
        "first_seen_at": _stamp(told.first_seen_ms),
        "claimed_at": _stamp(told.claimed_ms),
        "error_class": readable(told.error_class),
        "error": readable(told.error),
    }


def _stamp(milliseconds: int | None) -> str | None:
    at = moment(milliseconds)
    return at.isoformat() if at else None


def _uuid(said: str) -> str | None:
    """Elements hold whatever somebody pushed."""
    try:
        return str(UUID(said))
    except ValueError:
        return None
