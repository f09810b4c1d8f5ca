"""The decision log: every decision on every photo, with what it was based on. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.db import media
from lomi_ops.db.documents import evidence_of, taken_of, verdict_of
from lomi_ops.domain.decision import Taken
from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.verdict import Verdict
from lomi_ops.domain.window import Window

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database

WORKER = "worker"
"""The actor of a decision that no person made."""


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """One row of the log."""

    at: datetime
    media_id: UUID
    batch_id: UUID | None
    job_id: str
    """Of the queue's job, or of the message that a person's decision sent."""
    actor: str
    """`worker` or a person's name."""
    worker: str | None
    attempt: int | None
    status_before: str | None
    reason_before: str | None
    status: str
    reason: str | None
    verdict: Verdict | None
    evidence: Evidence | None
    thresholds: Mapping[str, Any] | None
    """The policy as it was; None where a person decided or nobody could judge."""
    failure: str | None
    photo_sha256: str | None
    processing_ms: float | None
    detail: str
    taken: Taken | None = None
    """Whose findings these are; None where engines were asked."""


def history(db: Database, media_id: UUID) -> tuple[LoggedDecision, ...]:
    """Every decision on one photo, the first one first; the last one holds."""
    return tuple(db.all(_logged, "decisions_of", media_id=media_id))


def cover(db: Database, window: Window) -> bool:
    """Whether workers have logged since before a window began. Else `media` knows more of it: there is no log, or old
    workers decided in that time."""
    if not media.has_lomi_schema(db):
        return False
    since = db.value("decisions_since")
    return since is not None and since < window.start


def _logged(
    *, outcome: str | None, policy: str | None, grounds: Any, photo: Any, engines: Any, findings: Any, taken: Any,
    **columns: Any,
) -> LoggedDecision:  # fmt: skip
    return LoggedDecision(
        verdict=verdict_of(outcome, policy or "", grounds) if outcome else None,
        evidence=evidence_of(photo, engines, findings) if photo else None,
        taken=taken_of(taken),
        **columns,
    )
