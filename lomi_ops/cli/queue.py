"""`lomi queue`: what waits, runs and died, and what is done about it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, output, queue_dead, queue_flow, queue_ops, queue_past, queue_show, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.domain.job_filter import JobFilter

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What waits, runs and died; acting on it.",
    epilog="A FILTER is made of terms such as state:dead error:timeout 'age>10m': `lomi help filters`.",
)

Terms = Annotated[
    list[str] | None, typer.Argument(help="Terms that must all hold: `lomi help filters`.", metavar="FILTER...")
]


@app.command("list")
@options.with_common
def queue_list(
    common: options.Common,
    terms: Terms = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Count by this: error, worker, user, …", metavar="WHAT")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000, metavar="N")] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List jobs that match a filter.

    Running ones first, then what is next, what is delayed, and the latest dead letters.
    """
    from lomi_ops.domain import job_filter

    return listed(common, job_filter.parse(terms or []), by, limit, format_)


def listed(
    common: options.Common, wanted: JobFilter, by: str | None, limit: int, format_: Format, none: str = "no job matches"
) -> int:
    """One line a job, or one line a group."""
    from lomi_ops.cli import diagnostics, job_table
    from lomi_ops.queue import entries

    if by is not None and by not in job_table.GROUPS:
        raise UsageError(f"jobs cannot be counted by {by!r}", hint=f"--by {', '.join(job_table.GROUPS)}")
    with session.opened(common, "redis") as runtime:
        client, keys = runtime.redis, runtime.queue.keys
        now_ms = runtime.queue.now_ms()
        found = entries.find(client, keys, wanted, ordered=True)
        if by is not None:
            _show_counts(by, job_table.counted(found, by), format_)
            return 0
        jobs = list(itertools.islice(found, limit + 1))
    more, jobs = len(jobs) > limit, jobs[:limit]
    if format_ is Format.JSON:
        output.document({"jobs": [job_table.record(job) for job in jobs], "more": more}, schema="lomi.queue.list/v1")
    elif format_ is Format.JSONL:
        for job in jobs:
            output.line(job_table.record(job))
    elif jobs:
        job_table.show(jobs, now_ms)
    else:
        output.text(none)
    if more:
        diagnostics.note(f"there are more than these {limit}: --limit N, --by WHAT, or a narrower filter")
    return 0


def _show_counts(by: str, rows: list[tuple[str, int]], format_: Format) -> None:
    if format_ is Format.JSONL:
        for word, number in rows:
            output.line({by: word, "jobs": number})
    elif format_ is Format.JSON:
        counts = [{by: word, "jobs": number} for word, number in rows]
        output.document({"by": by, "counts": counts}, schema="lomi.queue.counts/v1")
    elif rows:
        output.table((by, "jobs"), [(word, str(number)) for word, number in rows], right=(1,), prose=(0,))
    else:
        output.text("no job matches")


app.command("stats")(queue_flow.queue_stats)
app.command("show")(queue_show.queue_show)
app.command("pause")(queue_flow.queue_pause)
app.command("resume")(queue_flow.queue_resume)
app.command("drain")(queue_flow.queue_drain)
app.command("retry")(queue_ops.queue_retry)
app.command("delete")(queue_ops.queue_delete)
app.command("cancel")(queue_ops.queue_cancel)
app.command("undo")(queue_past.queue_undo)
app.command("continue")(queue_past.queue_continue)
app.command("ops")(queue_past.queue_operations)
app.add_typer(queue_dead.app, name="dead")
