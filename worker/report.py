"""What the log says about a job that is done."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import Job
from lomi_ops.domain.verdict import MediaStatus

log = logging.getLogger(__name__)


def report(job: Job, decisions: Sequence[PhotoDecision], skipped: Mapping[UUID, str], attempt: int) -> None:
    """One line per photo whose decision took effect (approvals sampled, the rest always), one per photo that was left
    as it is, and one per job."""
    for decision in decisions:
        _photo(job, decision)
    for media_id, why in skipped.items():
        fields = {"action": "photo_skipped", "job_id": job.job_id, "media_id": str(media_id), "why": str(why)}
        log.warning("photo skipped: %s", why, extra=fields)
    log.info(
        "job done",
        extra={
            "action": "job_done",
            "job_id": job.job_id,
            "batch_id": str(job.batch_id),
            "photos": len(decisions),
            "attempt": attempt,
            "sampled": True,
        },
    )


def _photo(job: Job, decision: PhotoDecision) -> None:
    log.info(
        "photo %s%s",
        decision.status.value,
        f": {decision.reason}" if decision.reason else "",
        extra={
            "action": "photo_decided",
            "job_id": job.job_id,
            "media_id": str(decision.media_id),
            "status": decision.status.value,
            "reason": decision.reason or "",
            "detail": decision.detail,
            "ms": round(decision.processing_ms),
            **({"findings_of": decision.taken.decision} if decision.taken else {}),
            "sampled": decision.status is MediaStatus.APPROVED,
        },
    )
