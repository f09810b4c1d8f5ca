"""How jobs are shown: one line each, or counted by something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from lomi_ops.cli import output
from lomi_ops.domain import span
from lomi_ops.domain.job_filter import JobFacts
from lomi_ops.domain.job_state import JobState

GROUPS = ("state", "error", "class", "worker", "user", "batch", "priority", "tries")
_STYLES = {JobState.DEAD: "red", JobState.DELAYED: "yellow", JobState.RUNNING: "green"}


def show(jobs: Sequence[JobFacts], now_ms: int) -> None:
    rows = [
        (
            each.job_id,
            output.painted(each.state.value, _STYLES.get(each.state, "")),
            _age(each.uploaded_ms, now_ms),
            str(len(each.photos)) if each.photos else "-",
            str(each.tries),
            what(each, now_ms),
        )
        for each in jobs
    ]
    headers = ("job", "state", "age", "photos", "tries", "what")
    if output.narrow(100):
        output.table(("job", "state", "what"), [(row[0], row[1], row[5]) for row in rows])
    else:
        output.table(headers, rows, right=(3, 4))


def what(job: JobFacts, now_ms: int) -> str:
    """What an operator wants to know about a job in this state."""
    said = f"{job.code}: {job.error}" if job.code and job.error else job.code or job.error
    match job.state:
        case JobState.RUNNING:
            return f"on {job.worker[0] if job.worker else '?'} for {_age(job.claimed_ms, now_ms)}"
        case JobState.DELAYED:
            wait = span.said(max(0, (job.due_ms or now_ms) - now_ms) / 1000)
            return f"again in {wait}" + (f"; {said}" if said else "")
        case JobState.DEAD:
            return f"{said or 'no error is known'} ({_age(job.died_ms, now_ms)} ago)"
        case JobState.READY:
            return "" if job.lane == "normal" else job.lane
        case _:
            return f"operation {job.operation}" if job.operation else ""


def record(job: JobFacts) -> dict[str, Any]:
    """With the element as text: it is whatever somebody pushed, so bytes that are no text are shown as escapes."""
    plain = {"state": job.state.value, "worker": job.worker[0] if job.worker else None}
    return asdict(job) | plain | {"raw": None if job.raw is None else readable(job.raw)}


def readable(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def counted(jobs: Iterable[JobFacts], by: str) -> list[tuple[str, int]]:
    """How many jobs of each kind there are, the most frequent first."""
    return sorted(Counter(_group(job, by) for job in jobs).items(), key=lambda each: (-each[1], each[0]))


def _group(job: JobFacts, by: str) -> str:
    match by:
        case "error":
            return job.code or "-"
        case "class":
            return job.error_class or "-"
        case "worker":
            return job.worker[0] if job.worker else "-"
        case "priority":
            return job.lane
        case "tries":
            return str(job.tries)
        case _:
            return str(getattr(job, by)) or "-"


def _age(moment_ms: int | None, now_ms: int) -> str:
    return "-" if moment_ms is None else span.said(max(0, now_ms - moment_ms) / 1000)
