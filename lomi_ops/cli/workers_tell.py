"""`lomi workers quiet|resume`: no more jobs for some workers, or jobs again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.domain.fleet import Member
    from lomi_ops.domain.member_choice import Reply
    from lomi_ops.domain.worker import WorkerMode

Names = Annotated[list[str] | None, typer.Argument(help="Which ones.", metavar="WORKER...")]
All = Annotated[bool, typer.Option("--all", help="All that run; instead of names.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]


@options.with_common
def workers_quiet(
    common: options.Common, names: Names = None, every: All = False, dry_run: DryRun = False, reason: Why = "",
    actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Let workers finish what they have and take nothing new.

    Until `lomi workers resume`, or until they are started anew. Exit 5 for an old worker: it takes no orders.
    """
    from lomi_ops.domain.worker import WorkerMode

    return _tell(common, WorkerMode.QUIET, names or [], every, dry_run, reason, actor, format_)


@options.with_common
def workers_resume(
    common: options.Common, names: Names = None, every: All = False, dry_run: DryRun = False, reason: Why = "",
    actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Let quiet workers take jobs again."""
    from lomi_ops.domain.worker import WorkerMode

    return _tell(common, WorkerMode.RUNNING, names or [], every, dry_run, reason, actor, format_)


def _tell(
    common: options.Common, mode: WorkerMode, names: list[str], every: bool, dry_run: bool, reason: str,
    actor: str | None, format_: Format,
) -> int:  # fmt: skip
    from lomi_ops.cli import operating, workers
    from lomi_ops.domain.member_choice import reply
    from lomi_ops.ops.operations import Journal
    from lomi_ops.ops.workers.tell import tell

    verb = _verb(mode)
    if bool(names) == every:
        text = "--all and names contradict each other" if every else "which workers?"
        raise UsageError(text, hint=f"lomi workers {verb} WORKER, or --all; lomi workers list names them")
    with session.opened(common, "redis", changes=not dry_run) as runtime:
        fleet = workers.look(runtime)
        if fleet.redis is not None:
            raise fleet.redis
        members = _meant(fleet.members, names)
        replies: Sequence[Reply] = [reply(each, mode) for each in members]
        if not every:
            _refuse([each for each in replies if each.answer in ("cannot", "nobody")], verb, done=0)
        if not dry_run:
            journal = Journal(session.database_if_any(runtime), diagnostics.warn)
            replies = tell(runtime.registry, journal, members, mode, by=options.actor(actor), at=operating.now(),
                           reason=reason)  # fmt: skip
    if every:
        replies = [each for each in replies if each.answer != "nobody"]
    _show(replies, mode, dry_run=dry_run, format_=format_)
    if fleet.docker is not None:
        diagnostics.warn(f"{fleet.docker.message}; old workers are seen only there")
    told = sum(each.answer in ("told", "already") for each in replies)
    _refuse([each for each in replies if each.answer == "cannot"], verb, done=told)
    return 0


def _verb(mode: WorkerMode) -> str:
    return "quiet" if mode == "quiet" else "resume"


def _meant(members: Sequence[Member], names: list[str]) -> Sequence[Member]:
    from lomi_ops.domain.member_choice import chosen

    return chosen(members, names) if names else members


def _refuse(replies: Sequence[Reply], verb: str, *, done: int) -> None:
    """Raises Refused for those that cannot be told. With `done`, others were."""
    if not replies:
        return
    why = "; ".join(f"{each.member.name}: {each.why}" for each in replies)
    others = f"; {counted(done, 'other')} told" if done else "; nothing was changed"
    old = [each.member for each in replies if each.member.old]
    if old and verb == "quiet":
        hint = f"docker stop {shlex.quote(old[0].name)}, while the queue is empty: lomi queue stats"
    else:
        hint = "lomi workers inspect " + shlex.quote(replies[0].member.name)
    raise Refused(why + others, hint=hint)


def _show(replies: Sequence[Reply], mode: WorkerMode, *, dry_run: bool, format_: Format) -> None:
    if format_ is not Format.TEXT:
        rows = [
            {"name": each.member.name, "answer": each.answer.value, "why": each.why, "jobs": each.member.jobs}
            for each in replies
        ]
        body = {"mode": mode.value, "dry_run": dry_run, "workers": rows}
        output.document(body, schema="lomi.workers.told/v1", format_=format_)
        return
    for each in replies:
        if text := _text(each, mode, dry_run=dry_run):
            output.text(text)
    if not replies:
        output.text("there is no worker to tell")


def _text(told: Reply, mode: WorkerMode, *, dry_run: bool) -> str:
    name, held = told.member.name, len(told.member.jobs)
    note = f" ({told.why})" if told.why else ""
    if told.answer == "nobody":
        return f"{name}: nobody to tell{note}"
    if told.answer == "cannot":
        return ""
    if mode == "running":
        words = "takes jobs already" if told.answer == "already" else "takes jobs again"
    else:
        first = f"finishes {counted(held, 'job')}, then takes" if held else "takes"
        words = f"{first} no more" + (", as before" if told.answer == "already" else "")
    return f"{name} {'would: ' if dry_run and told.answer == 'told' else ''}{words}{note}"
