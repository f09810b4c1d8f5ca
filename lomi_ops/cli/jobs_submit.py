"""`lomi jobs submit`: photos that a person wants to have judged."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, jobs_text, options, output, session
from lomi_ops.cli.jobs_watch import follow, handles, hangup_waits
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode, Transient, UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from lomi_ops.domain.job import Priority
    from lomi_ops.domain.submission import Submission
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.jobs.submit import Pushed, Recorded
    from lomi_ops.ops.jobs.watch import Target

Timeout = Annotated[str | None, typer.Option(help="Give up waiting after this long: 90s, 10m, 2h.", metavar="TIME")]


class Rank(StrEnum):
    """What --priority takes."""

    BULK = "bulk"
    NORMAL = "normal"
    HIGH = "high"


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
    actor: options.As = None,
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

    limit_s = timeout_s(timeout)
    waits = _waits(wait or timeout is not None, sync, async_)
    request = requested(
        [*(photos or ()), *_lines(keys)], prefix, _priority(priority), parse_rate(rate) if rate else None
    )
    with session.opened(common, *session.ALL, changes=True) as runtime:
        at = handles(runtime)
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
            return follow(at, _target(recorded), format_, limit_s, each=sync)
    if format_ is Format.TEXT:
        output.text(str(recorded.submission.id))
    else:
        body = jobs_text.submission_record(recorded.submission) | {"pushed": pushed.pushed, "known": pushed.known}
        output.document(body, schema="lomi.jobs.submit/v1", format_=format_)
    return 0


def timeout_s(timeout: str | None) -> float | None:
    return None if timeout is None else options.seconds("--timeout", timeout)


def _waits(wait: bool, sync: bool, async_: bool) -> bool:
    if async_ and (wait or sync):
        text = "--async does not wait: no --wait, --sync or --timeout beside it"
        raise UsageError(text, hint="lomi jobs submit --help")
    return wait or sync or (not async_ and output.on_terminal())


def _priority(rank: Rank | None) -> Priority | None:
    from lomi_ops.domain.job import Priority

    return Priority[rank.name] if rank else None


def _submission_id(given: str | None) -> UUID:
    import uuid

    return parsed_uuid(given, "job id") if given else uuid.uuid4()


def parsed_uuid(text: str, what: str) -> UUID:
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
