"""Cancelling what was submitted, or a single job: marked in Postgres first, so that nobody pushes what is left; then
each job where it is. Dying in between leaves jobs that the same command finds again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lomi_ops.db import audit, submissions
from lomi_ops.domain.audit import Action, AuditEntry, job_subject
from lomi_ops.domain.submission import FREE_CANCEL
from lomi_ops.errors import Refused
from lomi_ops.ops.jobs import watch
from lomi_ops.ops.jobs.handles import Handles
from lomi_ops.ops.jobs.watch import Target
from lomi_ops.queue.replies import JobState


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    dry_run: bool
    jobs: int
    """That were not over."""
    cancelled: int = 0
    running: int = 0
    """Their workers are told with the next beat."""
    finished: int = 0
    """Over in the meantime."""


def cancel(
    at: Handles,
    target: Target,
    *,
    actor: str,
    now: datetime,
    dry_run: bool = False,
    confirm: int | None = None,
    reason: str = "",
) -> CancelOutcome:
    """Raises Refused for more than a few jobs without their number, and for another number than the true one."""
    open_jobs = sorted(watch.look(at, target).open_jobs)
    if dry_run:
        return CancelOutcome(True, len(open_jobs))
    again = f"lomi jobs cancel {target.name} --confirm-count {len(open_jobs)}"
    if confirm is not None and confirm != len(open_jobs):
        still = "1 job is" if len(open_jobs) == 1 else f"{len(open_jobs)} jobs are"
        raise Refused(f"{still} not over, not {confirm}; nothing was cancelled", hint=again)
    if confirm is None and len(open_jobs) > FREE_CANCEL:
        text = f"{len(open_jobs)} jobs are not over; more than {FREE_CANCEL} must be confirmed by their number"
        text += "; nothing was cancelled"
        raise Refused(text, hint=again)
    if open_jobs:
        _note(at, target, actor=actor, now=now, jobs=len(open_jobs), reason=reason)
    states = [at.queue.cancel(job_id) for job_id in open_jobs]
    return CancelOutcome(
        False,
        len(open_jobs),
        cancelled=states.count(JobState.CANCELLED),
        running=states.count(JobState.RUNNING),
        finished=sum(state in (JobState.DONE, JobState.DEAD) for state in states),
    )


def _note(at: Handles, target: Target, *, actor: str, now: datetime, jobs: int, reason: str) -> None:
    with at.database.session() as session:
        if target.submission is not None:
            submissions.cancel(session, target.submission.id, actor=actor, at=now, jobs=jobs, reason=reason)
        else:
            audit.record_on(session, AuditEntry(actor, Action.CANCEL, job_subject(str(target.job_id)), now, reason))
