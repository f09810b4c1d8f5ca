"""How `lomi jobs cancel` and `lomi jobs history` put their answers into words and documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.jobs_text import seconds, stamp
from lomi_ops.cli.output import Format, counted

if TYPE_CHECKING:
    from lomi_ops.domain.history import PastJob
    from lomi_ops.ops.jobs.cancel import CancelOutcome
    from lomi_ops.ops.jobs.history import Found
    from lomi_ops.ops.jobs.watch import Target


def plain(found: Any) -> dict[str, Any]:
    return asdict(found)


def show_cancel(target: Target, done: CancelOutcome) -> None:
    if done.jobs == 0:
        output.text("everything of it is over: nothing to cancel")
    elif done.dry_run:
        text = f"would be cancelled: {counted(done.jobs, 'job')}"
        output.text(f"{text}\nlomi jobs cancel {target.name} --confirm-count {done.jobs}")
    else:
        lines = [f"cancelled: {counted(done.cancelled, 'job')}"]
        if done.running:
            lines.append(f"running, stopped by the worker: {counted(done.running, 'job')}")
        if done.finished:
            lines.append(f"over in the meantime: {counted(done.finished, 'job')}")
        output.text("\n".join(lines))


def show_history(found: Found, format_: Format, limit: int) -> None:
    if format_ is Format.JSONL:
        for job in found.jobs:
            output.line(past_record(job))
    elif format_ is Format.JSON:
        body = {
            "jobs": [past_record(job) for job in found.jobs],
            "more": found.more,
            "unknown": [asdict(each) for each in found.unknown],
        }
        output.document(body, schema="lomi.jobs.history/v1")
    else:
        _history_table(found.jobs)
        for each in found.unknown:
            output.text(f"{each.what}: {each.command}")
    if found.more:
        diagnostics.note(f"there are more than these {limit}: --limit N, --since, --user or --outcome")


def past_record(job: PastJob) -> dict[str, Any]:
    return asdict(job) | {"outcome": job.outcome}


def _history_table(jobs: tuple[PastJob, ...]) -> None:
    if not jobs:
        output.text("no job ended in that time")
        return
    headers = ("ended", "job", "who", "by", "photos", "tries", "took", "outcome")
    rows = [
        (
            stamp(job.at),
            job.job_id,
            job.host or job.worker[:8],
            job.submitted_by or "",
            str(job.photos),
            str(job.attempt),
            seconds(job.took_s),
            job.outcome,
        )
        for job in jobs
    ]
    keep = [0, 1, 6, 7] if output.narrow() else list(range(len(headers)))
    right = [keep.index(i) for i in (4, 5, 6) if i in keep]
    output.table([headers[i] for i in keep], [[row[i] for i in keep] for row in rows], right=right)
