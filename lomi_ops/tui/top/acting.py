"""What the live view changes: always a command line of `lomi`, with its guards, its journal and its words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lomi_ops.domain.job_filter import named
from lomi_ops.domain.measure import Measured
from lomi_ops.tui.top.sheet import Row

WHY = "lomi top"


def words_of(action: str, measured: Measured, row: Row | None, said: str = "") -> Sequence[str] | str:
    """The words after `lomi`; or, as one text, why there is nothing to do."""
    record: Mapping[str, object] = row.record if row else {}
    match action:
        case "pause":
            paused = measured.get("lomi_queue_paused")
            if paused is None:
                return "nobody knows whether the queue is paused: Redis is silent"
            return ("queue", "resume") if paused else ("queue", "pause", "--reason", said or WHY)
        case "retry":
            job = record.get("job")
            return ("queue", "retry", named(str(job))) if job else "choose a job first: 8 shows them"
        case "quiet":
            name, state = record.get("name"), record.get("state")
            if not name:
                return "choose a worker first: 2 shows them"
            return ("workers", "resume" if state == "quiet" else "quiet", str(name), "--reason", said or WHY)
        case "scale":
            return ("scale", said, "--reason", WHY) if said.isdecimal() else "how many workers? a number"
    return f"there is no {action}"
