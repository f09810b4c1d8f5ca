"""What a finished job adds to the counters of all workers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from lomi_ops.domain import tally
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import Job
from lomi_ops.domain.tally import Tally
from lomi_ops.queue.replies import Claimed


def tallied(
    job: Job,
    claimed: Claimed,
    decisions: Iterable[PhotoDecision],
    applied: Collection[UUID],
    *,
    downloads_s: Iterable[float],
    write_s: float,
    took_s: float,
    reuse: bool = False,
) -> Tally:
    """Of a job that was settled just now. Engines count for every photo that they were asked about, decisions for those
    that took effect; `reuse` says whether findings may be taken again here."""
    found = Tally()
    for decision in decisions:
        if reuse:
            count_reuse(found, decision)
        if decision.taken is None:
            _engines(found, decision)
        if decision.media_id in applied:
            found.count(tally.PHOTO, decision.status.value, decision.reason or "")
    for seconds in downloads_s:
        found.time(seconds, tally.OBJECT)
    found.time(write_s, tally.WRITE)
    found.time(took_s, tally.JOB)
    if job.created_at is not None and claimed.attempt + claimed.setbacks + claimed.crashes <= 1:
        # The backend's clock against the queue's: what seems to have begun before it was made began at once.
        found.time(max(0.0, claimed.claimed_ms / 1000 - job.created_at.timestamp()), tally.WAIT)
    return found


def count_reuse(found: Tally, decision: PhotoDecision) -> None:
    """What could not be decoded says nothing: no engine would have been asked."""
    if decision.taken is not None:
        found.count(tally.REUSE, tally.HIT)
        found.count(tally.SAVED, "us", by=round(max(0.0, decision.taken.ms - decision.processing_ms) * 1000))
    elif decision.evidence is not None and decision.evidence.reports:
        found.count(tally.REUSE, tally.MISS)


def _engines(found: Tally, decision: PhotoDecision) -> None:
    for report in decision.evidence.reports if decision.evidence else ():
        found.count(tally.REPORT, report.engine.value, report.status.value)
        if report.answered and report.elapsed_ms:  # what another engine saw along with its own took no time
            found.time(report.elapsed_ms / 1000, tally.ENGINE, report.engine.value)
