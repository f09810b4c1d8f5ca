"""`lomi queue show`: one job, its story, and what can be done about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format

if TYPE_CHECKING:
    from lomi_ops.domain.job_filter import JobFacts
    from lomi_ops.queue.board import Event


@options.with_common
def queue_show(
    common: options.Common,
    job_id: Annotated[str, typer.Argument(help="The job's id.", metavar="JOB")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show one job and its story.

    Where it is, what happened to it, and what to do next. A job that no worker has seen yet is looked for in the list.
    """
    from lomi_ops.cli import job_table
    from lomi_ops.errors import NotFound
    from lomi_ops.queue import board, entries

    with session.opened(common, "redis") as runtime:
        client, keys = runtime.redis, runtime.queue.keys
        job = entries.look_up(client, keys, job_id)
        if job is None:
            raise NotFound(f"the queue knows no job {job_id}", hint="lomi queue list, or lomi jobs history")
        events = board.events_of(client, keys, job_id)
        now_ms = runtime.queue.now_ms()
    if format_ is not Format.TEXT:
        body = {"job": job_table.record(job), "events": [asdict(each) for each in events]}
        output.document(body, schema="lomi.queue.job/v2", format_=format_)
        return 0
    _show(job, events, now_ms)
    return 0


def _show(job: JobFacts, events: tuple[Event, ...], now_ms: int) -> None:
    from lomi_ops.cli import job_table
    from lomi_ops.domain import span

    ago = {
        "uploaded": job.uploaded_ms, "taken": job.claimed_ms, "died": job.died_ms,
    }  # fmt: skip
    rows = [("job", job.job_id), ("state", job.state.value), ("now", job_table.what(job, now_ms))]
    rows += [(name, f"{span.said((now_ms - at) / 1000)} ago") for name, at in ago.items() if at is not None]
    rows += [("user", job.user), ("batch", job.batch), ("photos", ", ".join(job.photos))]
    rows.append(("tries", f"{job.tries}; {job.crashes} by workers that died, {job.setbacks} set back by outages"))
    rows += [("priority", job.lane), ("held by", ", ".join(job.worker[:2])), ("class", job.error_class)]
    # Some advice is to look here.
    advice = "" if job.hint == f"lomi queue show {job.job_id}" else job.hint
    rows += [("error", job.error), ("advice", advice), ("operation", job.operation)]
    output.table(("what", "value"), [(name, value) for name, value in rows if value])
    if events:
        times = [(f"{span.said((now_ms - each.at_ms) / 1000)} ago", each.event, each.note) for each in events]
        output.text("")
        output.table(("when", "event", "note"), times)
    if job.raw is not None:
        output.text("")
        output.text(job_table.readable(job.raw))
    if commands := next_commands(job):
        output.text("")
        output.text("next: " + "\n      ".join(commands))


def next_commands(job: JobFacts) -> list[str]:
    """What an operator can do about a job in this state."""
    from lomi_ops.domain.job_filter import named
    from lomi_ops.domain.job_state import JobState

    name = named(job.job_id)
    match job.state:
        case JobState.DEAD:
            return [f"lomi queue retry {name}", f"lomi queue delete {name}"]
        case JobState.DELAYED:
            return [f"lomi queue retry {name}", f"lomi queue cancel {name}"]
        case JobState.READY | JobState.RUNNING:
            return [f"lomi queue cancel {name}"]
        case JobState.CANCELLED if job.operation:
            return [f"lomi queue undo {job.operation}"]
        case _:
            return []
