"""`lomi jobs`: photos handed in by people, and what became of every job."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, jobs_text, options, output, session
from lomi_ops.cli.jobs_watch import Watcher, hangup_waits
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.history import Outcome
from lomi_ops.errors import ExitCode, Transient, UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from lomi_ops.domain.job import Priority
    from lomi_ops.domain.submission import Submission
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.jobs.submit import Pushed, Recorded
    from lomi_ops.ops.jobs.watch import Target
    from lomi_ops.runtime import Runtime

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Hand photos in, follow them, look back.")

As = Annotated[str | None, typer.Option("--as", help="Who does it; else LOMI_ACTOR, else the login.", metavar="NAME")]
Id = Annotated[str, typer.Argument(help="A submission, or a single job.", metavar="ID")]
Timeout = Annotated[float | None, typer.Option(help="Give up waiting after so many seconds.", min=0)]


class Rank(StrEnum):
    """What --priority takes."""

    BULK = "bulk"
    NORMAL = "normal"
    HIGH = "high"


@app.command("submit")
@options.with_common
def jobs_submit(
    common: options.Common,
    photos: Annotated[
        list[str] | None, typer.Argument(help="Media ids or object keys.", metavar="PHOTO...", show_default=False)
    ] = None,
    keys: Annotated[
        str | None, typer.Option(help="A file with one id or key a line; - for stdin.", metavar="FILE")
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="All photos whose key begins so.", metavar="PREFIX")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; the default on a terminal.")] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Wait, and print each decision as it comes.")] = False,
    async_: Annotated[bool, typer.Option("--async", help="Print the id and return; the default elsewhere.")] = False,
    job_id: Annotated[
        str | None, typer.Option(help="The submission's UUID; the same command again adds nothing.", metavar="ID")
    ] = None,
    priority: Annotated[
        Rank | None, typer.Option(help="Else bulk for more than one job: it yields to live uploads.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Photos at most: 60/min, 2/s, 1000/h.", metavar="N/min")] = None,
    timeout: Timeout = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be submitted.")] = False,
    actor: As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Have photos judged that wait for nobody.

    What is decided, in review or on its way already is told and left alone. It is recorded before anything is pushed:
    a run outlives its terminal, kill -9, and a Redis that forgets. Exit 1 when a job or a photo failed, 3 when the
    time was over first.
    """
    from datetime import UTC, datetime

    from lomi_ops.domain.submission import parse_rate, requested
    from lomi_ops.ops.jobs import submit

    waits = _waits(wait or timeout is not None, sync, async_)
    request = requested(
        [*(photos or ()), *_lines(keys)], prefix, _priority(priority), parse_rate(rate) if rate else None
    )
    with session.opened(common, *session.ALL) as runtime:
        at = _handles(runtime)
        wanted = _submission_id(job_id)
        now, who = datetime.now(UTC), options.actor(actor)
        recorded = submit.record(at, request, wanted, actor=who, now=now, dry_run=dry_run)
        if recorded.submission is None:
            return _nothing(recorded, format_, dry_run=dry_run)
        jobs_text.tell_left(recorded)
        if waits:
            _announce(recorded.submission)
        pushed = _push(at, recorded.submission, patient=waits)
        if waits:
            return _follow(at, _target(recorded), format_, timeout, each=sync)
    if format_ is Format.TEXT:
        output.text(str(recorded.submission.id))
    else:
        body = jobs_text.submission_record(recorded.submission) | {"pushed": pushed.pushed, "known": pushed.known}
        output.document(body, schema="lomi.jobs.submit/v1", format_=format_)
    return 0


@app.command("status")
@options.with_common
def jobs_status(
    common: options.Common,
    name: Annotated[
        str | None, typer.Argument(help="A submission, or a single job; else the latest.", metavar="ID")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many submissions.", min=1, max=100)] = 10,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show how far a submission is, or the latest ones.

    Compares Postgres with the queue, and changes nothing: `lomi jobs wait` pushes what is missing. Exit 1 when
    something failed, died or is missing.
    """
    from lomi_ops.ops.jobs import watch

    with session.opened(common, "redis", "database") as runtime:
        at = _handles(runtime)
        if name is None:
            return _recent(at, limit, format_)
        target = watch.find(at, name)
        progress = watch.look(at, target)
        to_go_s, per_minute = watch.to_go(at, target, progress)
    if format_ is Format.TEXT:
        jobs_text.show_status(target, progress, to_go_s, per_minute)
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

    with session.opened(common, *session.ALL) as runtime:
        at = _handles(runtime)
        return _follow(at, watch.find(at, name), format_, timeout)


@app.command("cancel")
@options.with_common
def jobs_cancel(
    common: options.Common,
    name: Id,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is not over.")] = False,
    confirm_count: Annotated[
        int | None, typer.Option(help="How many jobs that is; needed for more than 10.", min=0, metavar="N")
    ] = None,
    actor: As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Cancel what is not over of a submission, or one job.

    What runs is stopped by its worker with the next beat. Photos that are decided stay decided; the others stay
    pending. Exit 5 when the number is missing or is not the true one.
    """
    from datetime import UTC, datetime

    from lomi_ops.ops.jobs import cancel, watch

    with session.opened(common, "redis", "database") as runtime:
        at = _handles(runtime)
        target = watch.find(at, name)
        done = cancel.cancel(
            at, target, actor=options.actor(actor), now=datetime.now(UTC), dry_run=dry_run, confirm=confirm_count
        )
    if format_ is Format.TEXT:
        jobs_text.show_cancel(target, done)
    else:
        body = {"id": target.name} | jobs_text.plain(done)
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
    limit: Annotated[int, typer.Option(help="At most so many, the latest first.", min=1, max=100_000)] = 50,
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
    owner = _uuid(user, "user") if user else None
    with session.opened(common, "database") as runtime:
        found = history.look(runtime.database, window, user_id=owner, outcome=outcome, limit=limit)
    jobs_text.show_history(found, format_, limit)
    return 0


# --- how a command begins and ends ------------------------------------------------------------------------------------


def _handles(runtime: Runtime) -> Handles:
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.reconcile import links

    section = runtime.settings.objects
    return Handles(runtime.database, runtime.queue, runtime.redis, section.bucket_photos, links.signer(section))


def _waits(wait: bool, sync: bool, async_: bool) -> bool:
    if async_ and (wait or sync):
        raise UsageError(
            "--async does not wait: no --wait, --sync or --timeout beside it", hint="lomi jobs submit --help"
        )
    return wait or sync or (not async_ and output.on_terminal())


def _priority(rank: Rank | None) -> Priority | None:
    from lomi_ops.domain.job import Priority

    return Priority[rank.name] if rank else None


def _submission_id(given: str | None) -> UUID:
    import uuid

    return _uuid(given, "job id") if given else uuid.uuid4()


def _uuid(text: str, what: str) -> UUID:
    import uuid

    try:
        return uuid.UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no {what}: a UUID is", hint="lomi jobs --help") from None


def _lines(source: str | None) -> Iterator[str]:
    """One name a line; empty lines do not count."""
    if source is None:
        return
    import sys
    from pathlib import Path

    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        said = failure.strerror if isinstance(failure, OSError) else "it is no text"
        raise UsageError(f"{source} cannot be read: {said}", hint="--keys FILE, one id or key a line") from None
    yield from text.splitlines()


def _target(recorded: Recorded) -> Target:
    from lomi_ops.ops.jobs.watch import Target

    return Target(recorded.submission, None)


def _nothing(recorded: Recorded, format_: Format, *, dry_run: bool) -> int:
    """Nothing was submitted: nothing remained, or nothing should be."""
    plan = recorded.plan
    assert plan is not None
    if format_ is Format.TEXT:
        jobs_text.show_plan(plan, dry_run=dry_run)
    else:
        output.document(jobs_text.plan_record(plan, dry_run=dry_run), schema="lomi.jobs.submit/v1", format_=format_)
    return int(ExitCode.BAD if plan.stuck and not plan.groups else ExitCode.OK)


def _announce(submission: Submission) -> None:
    photos, jobs = counted(submission.photos, "photo"), counted(submission.jobs, "job")
    diagnostics.note(f"submission {submission.id}: {photos} in {jobs}")


def _push(at: Handles, submission: Submission, *, patient: bool) -> Pushed:
    """What is recorded can be gone on with; whoever is stopped in the middle is told how. A `patient` caller waits
    afterwards, and pushes again by itself."""
    from lomi_ops.ops.jobs import submit

    try:
        with hangup_waits():
            return submit.push(at, submission)
    except (KeyboardInterrupt, SystemExit):
        diagnostics.note(f"stopped in the middle; lomi jobs wait {submission.id} goes on")
        raise
    except Transient as outage:
        if patient:
            return submit.Pushed()
        outage.hint = f"lomi jobs wait {submission.id}, which pushes the rest"
        raise


def _follow(at: Handles, target: Target, format_: Format, timeout: float | None, *, each: bool = False) -> int:
    from lomi_ops.ops.jobs import watch

    watcher = Watcher(at, target, format_, each=each)
    try:
        with watcher.drawn() as seen:
            waited = watch.wait(
                at,
                target,
                timeout_s=timeout,
                tell=seen.tell,
                trouble=seen.trouble,
                pushed=seen.pushed,
                decided=seen.decided if each else lambda job_ids: None,
            )
    except (KeyboardInterrupt, SystemExit):
        diagnostics.note(f"it goes on without you: lomi jobs wait {target.name}")
        raise
    jobs_text.show_summary(at, target, waited, format_)
    if not waited.progress.over:
        diagnostics.note(f"the time is over; it goes on: lomi jobs wait {target.name}")
        return int(ExitCode.UNKNOWN)
    return int(ExitCode.BAD if waited.progress.bad else ExitCode.OK)


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
