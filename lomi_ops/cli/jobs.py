"""`lomi jobs`: photos handed in by people, and what became of every job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import jobs_past, jobs_submit, jobs_text, options, output, queue_flow, session
from lomi_ops.cli.jobs_submit import Timeout, parsed_uuid, timeout_s
from lomi_ops.cli.jobs_watch import follow, handles
from lomi_ops.cli.output import Format
from lomi_ops.domain.history import Outcome
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.queue.replies import QueueStats

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Hand photos in, follow them, look back.")
app.command("submit")(jobs_submit.jobs_submit)

Id = Annotated[str, typer.Argument(help="A submission, or a single job.", metavar="ID")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]


@app.command("status")
@options.with_common
def jobs_status(
    common: options.Common,
    name: Annotated[
        str | None, typer.Argument(help="A submission, or a single job; else the latest.", metavar="ID")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many submissions.", min=1, max=100, metavar="N")] = 10,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show how far a submission is, or the latest ones.

    Compares Postgres with the queue, and changes nothing: `lomi jobs wait` pushes what is missing. Exit 1 when
    something failed, died or is missing.
    """
    from lomi_ops.ops.jobs import watch

    with session.opened(common, "redis", "database") as runtime:
        at = handles(runtime)
        if name is None:
            return _recent(at, limit, format_)
        target = watch.find(at, name)
        progress = watch.look(at, target)
        to_go_s, per_minute = watch.to_go(at, target, progress)
        stats = runtime.queue.stats()
        if stats.pause is not None:
            to_go_s = None
    if format_ is Format.TEXT:
        jobs_text.show_status(target, progress, to_go_s, per_minute, [] if progress.over else _stopped(stats))
    else:
        body = jobs_text.status_record(target, progress) | {"to_go_s": to_go_s, "jobs_per_minute": per_minute}
        output.document(body, schema="lomi.jobs.status/v1", format_=format_)
    return int(ExitCode.BAD if progress.bad or jobs_text.missing(progress) else ExitCode.OK)


@app.command("wait")
@options.with_common
def jobs_wait(common: options.Common, name: Id, timeout: Timeout = None, format_: options.Output = Format.TEXT) -> int:
    """Wait for the end of a submission or a job.

    Pushes what was not pushed yet, or what Redis has forgotten. Exit 1 when a job or a photo failed, 3 when the time
    was over first.
    """
    from lomi_ops.ops.jobs import watch

    limit_s = timeout_s(timeout)
    with session.opened(common, *session.ALL, changes=True) as runtime:
        at = handles(runtime)
        return follow(at, watch.find(at, name), format_, limit_s)


@app.command("cancel")
@options.with_common
def jobs_cancel(
    common: options.Common,
    name: Id,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is not over.")] = False,
    confirm_count: Annotated[
        int | None, typer.Option(help="How many jobs that is; needed for more than ten.", min=0, metavar="N")
    ] = None,
    reason: Why = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Cancel what is not over of a submission, or one job.

    What runs is stopped by its worker with the next beat. Photos that are decided stay decided; the others stay
    pending. Exit 5 when the number is missing or is not the true one.
    """
    from datetime import UTC, datetime

    from lomi_ops.ops.jobs import cancel, watch

    with session.opened(common, "redis", "database", changes=True) as runtime:
        at = handles(runtime)
        target = watch.find(at, name)
        done = cancel.cancel(
            at, target, actor=options.actor(actor), now=datetime.now(UTC), dry_run=dry_run, confirm=confirm_count,
            reason=reason,
        )  # fmt: skip
    if format_ is Format.TEXT:
        jobs_past.show_cancel(target, done)
    else:
        body = {"id": target.name} | jobs_past.plain(done)
        output.document(body, schema="lomi.jobs.cancel/v1", format_=format_)
    return 0


@app.command("history")
@options.with_common
def jobs_history(
    common: options.Common,
    since: Annotated[
        str, typer.Option(help="24h, 7d, today, week, month, 2026-11-19, or A..B (UTC).", metavar="WINDOW")
    ] = "24h",
    user: Annotated[str | None, typer.Option(help="Only jobs of this user.", metavar="UUID")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only jobs that ended so.")] = None,
    limit: Annotated[
        int, typer.Option(help="At most so many, the latest first.", min=1, max=100_000, metavar="N")
    ] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List jobs that ended: who, when, tries, how long, how.

    From Postgres, so it outlives Redis. Jobs that died or were cancelled are there too, once a worker has written
    them down.
    """
    from datetime import UTC, datetime

    from lomi_ops.domain.window import parse
    from lomi_ops.ops.jobs import history

    window = parse(since, datetime.now(UTC))
    owner = parsed_uuid(user, "user") if user else None
    with session.opened(common, "database") as runtime:
        found = history.look(runtime.database, window, user_id=owner, outcome=outcome, limit=limit)
    jobs_past.show_history(found, format_, limit)
    return 0


def _stopped(stats: QueueStats) -> list[tuple[str, str]]:
    """What keeps jobs from being claimed; how a breaker stands is `lomi queue stats`' to tell."""
    paused = [] if stats.pause is None else [("paused", queue_flow.pause_text(stats.pause, stats.server_ms))]
    return paused + [("on hold", f"claims wait for {hold.upstream}: lomi queue stats") for hold in stats.holds]


def _recent(at: Handles, limit: int, format_: Format) -> int:
    from lomi_ops.ops.jobs import history

    found = history.recent(at, limit)
    if format_ is Format.TEXT:
        jobs_text.show_recent(found)
    else:
        records: list[dict[str, Any]] = [jobs_text.status_record(target, progress) for target, progress in found]
        if format_ is Format.JSONL:
            for record in records:
                output.line(record)
        else:
            output.document({"submissions": records}, schema="lomi.jobs.list/v1")
    return 0
