"""`lomi queue`: what waits, runs and died."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What waits, runs and died in the queue.")


@app.command("stats")
@options.with_common
def queue_stats(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Count jobs by state.

    Works on the plain list of a cluster with old workers, too.
    """
    from lomi_ops.ops import unknowns

    with session.opened(common, "redis") as runtime:
        stats = runtime.queue.stats()
    unknown = unknowns.of_workers(stats.workers)
    if format_ is not Format.TEXT:
        body = asdict(stats) | {"unknown": [asdict(each) for each in unknown]}
        output.document(body, schema="lomi.queue.stats/v1", format_=format_)
        return 0
    rows = [
        (name, str(getattr(stats, name))) for name in ("ready", "high", "bulk", "delayed", "running", "dead", "unsent")
    ]
    rows.append(("oldest", "-" if stats.oldest_age_s is None else f"{stats.oldest_age_s:.0f} s"))
    rows.append(("workers", str(stats.workers)))
    if stats.pause is not None:
        rows.append(("paused", f"by {stats.pause.by}: {stats.pause.reason}"))
    rows += [("on hold", f"{hold.upstream}: {hold.reason}") for hold in stats.holds]
    output.table(("state", "jobs"), rows)
    for each in unknown:
        output.text(f"{each.what}: {each.command}")
    return 0


@app.command("show")
@options.with_common
def queue_show(
    common: options.Common,
    job_id: Annotated[str, typer.Argument(help="The job's id.", metavar="JOB")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show what the queue knows of one job."""
    from lomi_ops.errors import NotFound

    with session.opened(common, "redis") as runtime:
        job = runtime.queue.job(job_id)
    if job is None:
        raise NotFound(f"no claim has seen job {job_id}", hint="lomi queue stats; it may still wait in the list")
    record = asdict(job) | {"raw": _readable(job.raw) if job.raw else None}
    del record["token"]
    if format_ is not Format.TEXT:
        output.document({"job": record}, schema="lomi.queue.job/v1", format_=format_)
        return 0
    output.table(("what", "value"), [(name, str(value)) for name, value in record.items() if value not in (None, "")])
    return 0


@app.command("dead")
@options.with_common
def queue_dead(
    common: options.Common,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List dead letters, the latest first.

    With what happened to them. They are kept until a person purges them.
    """
    with session.opened(common, "redis") as runtime:
        letters = runtime.queue.dead_letters(limit)
    records = [asdict(letter) | {"raw": _readable(letter.raw)} for letter in letters]
    if format_ is Format.JSON:
        output.document({"dead": records}, schema="lomi.queue.dead/v1")
    elif format_ is Format.JSONL:
        for record in records:
            output.line(record)
    elif letters:
        rows = [(each.job_id, each.error_class, each.code, str(each.attempts), each.error) for each in letters]
        output.table(("job", "class", "code", "tries", "what happened"), rows, right=(3,))
    else:
        output.text("no dead letters")
    return 0


def _readable(raw: bytes) -> str:
    """Elements of the list are whatever somebody pushed: bytes that are no text are shown as escapes."""
    return raw.decode("utf-8", "backslashreplace")
