"""`lomi queue`: what waits, runs and died."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lomi_ops.cli import options, output
from lomi_ops.cli.output import Format

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What waits, runs and died in the queue.")
NEEDS = frozenset({"redis"})


@app.command("stats")
@options.with_common
def queue_stats(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Count jobs by state. Works on a plain list of an unswapped cluster, too."""
    from lomi_ops.runtime import opened

    with opened(needs=NEEDS, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        stats = runtime.queue.stats()
    if format_ is not Format.TEXT:
        output.document(asdict(stats), schema="lomi.queue.stats/v1")
        return 0
    rows = [(name, str(getattr(stats, name))) for name in ("ready", "high", "delayed", "running", "dead", "unsent")]
    rows.append(("oldest", "-" if stats.oldest_age_s is None else f"{stats.oldest_age_s:.0f} s"))
    if stats.pause is not None:
        rows.append(("paused", f"by {stats.pause.by}: {stats.pause.reason}"))
    rows += [("on hold", f"{hold.upstream}: {hold.reason}") for hold in stats.holds]
    output.table(("state", "jobs"), rows)
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
    from lomi_ops.runtime import opened

    with opened(needs=NEEDS, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        job = runtime.queue.job(job_id)
    if job is None:
        raise NotFound(f"no claim has seen job {job_id}", hint="lomi queue stats; it may still wait in the list")
    record = asdict(job) | {"raw": job.raw.decode("utf-8", "backslashreplace") if job.raw else None}
    del record["token"]
    if format_ is not Format.TEXT:
        output.document({"job": record}, schema="lomi.queue.job/v1")
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
    """List dead letters, the latest first, with what happened to them."""
    from lomi_ops.runtime import opened

    with opened(needs=NEEDS, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        letters = runtime.queue.dead_letters(limit)
    if format_ is not Format.TEXT:
        records = [asdict(letter) | {"raw": letter.raw.decode("utf-8", "backslashreplace")} for letter in letters]
        output.document({"dead": records}, schema="lomi.queue.dead/v1")
        return 0
    if not letters:
        output.text("no dead letters")
        return 0
    rows = [(letter.job_id, letter.error_class, letter.code, str(letter.attempts), letter.error) for letter in letters]
    output.table(("job", "class", "code", "tries", "what happened"), rows, right=(3,))
    return 0
