"""What a step did, told in every format; shared by the commands that decide and those that take back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from lomi_ops.db.overrides import Overridden
    from lomi_ops.db.undoing import Undone
    from lomi_ops.ops.reviews.stepping import Step
    from lomi_ops.runtime import Runtime

SCHEMA = "lomi.review.step/v1"


def report(step: Step, format_: Format, *, texts: Mapping[str, str] | None = None) -> int:
    """Its exit code: that of the first failure."""
    if format_ is Format.TEXT:
        for each in step.done:
            output.text(f"{each.media_id}: {_change(each.status_before, each.reason_before, each.status, each.reason)}")
        for undone in step.undone:
            output.text(f"{undone.media_id}: {undone.status_before} -> {undone.status}; {_told(undone)}")
    else:
        output.document(_body(step, texts or {}), schema=SCHEMA, format_=format_)
    _notes(step, texts or {})
    failures = [refusal.failure for refusal in step.refused] + ([step.unsent] if step.unsent else [])
    return int(failures[0].exit_code if failures else ExitCode.OK)


def report_plan(
    verb: str, media_ids: Sequence[UUID], format_: Format, *, texts: Mapping[str, str] | None = None, note: str = ""
) -> int:
    """What would be done, and what the user would be told."""
    if format_ is not Format.TEXT:
        body = {
            "dry_run": True, "verb": verb, "matched": len(media_ids), "photos": [str(each) for each in media_ids],
            "user_text": dict(texts or {}), "note": note,
        }  # fmt: skip
        output.document(body, schema=SCHEMA, format_=format_)
        return int(ExitCode.OK)
    output.text(f"would {verb} {counted(len(media_ids), 'photo')}; nothing was changed")
    for media_id in media_ids:
        output.text(f"  {media_id}")
    for language, text in (texts or {}).items():
        output.text(f"the user would be told ({language}): {shown(text)}")
    return int(ExitCode.OK)


def send_due(runtime: Runtime) -> None:
    """What is due goes out with every command that writes something; whoever cannot send leaves it to the others."""
    from contextlib import suppress

    from lomi_ops.errors import LomiError
    from lomi_ops.ops.reviews.publishing import publish_due

    with suppress(LomiError):
        publish_due(runtime.database, runtime.queue, runtime.database.now)


def _notes(step: Step, texts: Mapping[str, str]) -> None:
    for refusal in step.refused:
        diagnostics.error(refusal.failure)
    for language, text in texts.items() if step.done else ():
        diagnostics.note(f"the user is told ({language}): {shown(text)}")
    if step.waits_until is not None:
        diagnostics.note(
            f"told at {step.waits_until:%H:%M:%S %Z}, unless it is taken back: lomi review undo --step {step.step}"
        )
        diagnostics.note("  this command does not wait for it: a worker, or a later lomi review, sends it")
    if step.unsent is not None:
        diagnostics.error(step.unsent)
        diagnostics.note("  it is decided all the same: a worker or the next decision tells the app when Redis is back")


def _change(before: str, why_before: str | None, after: str, why: str | None) -> str:
    """With the reasons where nothing else differs."""
    if before != after:
        return f"{before} -> {after}"
    return f"{before} ({shown(why_before or '')}) -> {after} ({shown(why or '')})"


def _told(undone: Undone) -> str:
    from lomi_ops.db.undoing import Undoing

    match undone.how:
        case Undoing.SILENT:
            return "nobody had been told"
        case Undoing.PUBLISHED:
            return "the app is told"
        case Undoing.NOT_TOLD:
            return f"the app still shows it as {undone.status_before}, until it is decided anew"


def _body(step: Step, texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "step": str(step.step),
        "dry_run": False,
        "done": [_decision(each) for each in step.done],
        "undone": [_undone(each) for each in step.undone],
        "refused": [{"media_id": str(each.media_id), "why": each.failure.message} for each in step.refused],
        "published": step.published,
        "waits_until": step.waits_until,
        "user_text": dict(texts),
    }


def _decision(done: Overridden) -> dict[str, Any]:
    return {
        "media_id": str(done.media_id),
        "before": done.status_before,
        "after": done.status.value,
        "reason": done.reason,
        "job_id": done.job_id,
        "due_at": done.due_at,
    }


def _undone(undone: Undone) -> dict[str, Any]:
    return {
        "media_id": str(undone.media_id),
        "before": undone.status_before,
        "after": undone.status,
        "reason": undone.reason,
        "told": undone.how.value,
        "job_id": undone.job_id,
    }
