"""`lomi review`: what people should look at, and their decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.cli.review_app import review
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.db.media import PhotoRow
    from lomi_ops.db.overrides import Overridden
    from lomi_ops.domain.verdict import MediaStatus, Reason
    from lomi_ops.ops.reviews.stepping import Step

app = typer.Typer(rich_markup_mode=None)
app.callback(invoke_without_command=True)(review)


Ids = Annotated[list[str], typer.Argument(help="Photos by media id.", metavar="ID...")]
Note = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]
As = Annotated[str | None, typer.Option("--as", help="Who decides; else LOMI_ACTOR, else the login.", metavar="NAME")]


@app.command("list")
@options.with_common
def review_list(
    common: options.Common,
    queue: Annotated[Pile, typer.Option(help="Which photos.")] = Pile.ALL,
    reason: Annotated[str | None, typer.Option(help="Only this reason, e.g. blurry.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List photos that wait, or were rejected or failed.

    Those that wait for a person come first. What waits for a worker is not listed.
    """
    from lomi_ops.domain import review_filter
    from lomi_ops.ops.reviews import piles

    wanted = review_filter.parse([f"reason:{reason}"] if reason else [])
    with session.opened(common, "database") as runtime:
        found = piles.listed(runtime.database, queue, wanted, now=runtime.database.now(), limit=limit + 1)
    rows = tuple(each.photo for each in found)
    more, rows = len(rows) > limit, rows[:limit]
    if format_ is Format.TEXT:
        _show(rows)
    elif format_ is Format.JSONL:
        for row in rows:
            output.line(_record(row))
    else:
        output.document({"photos": [_record(row) for row in rows], "more": more}, schema="lomi.review.list/v1")
    if more:
        diagnostics.note(f"there are more than these {limit}: --limit N, --queue or --reason")
    return 0


@app.command("approve")
@options.with_common
def review_approve(
    common: options.Common, ids: Ids, note: Note, actor: As = None, format_: options.Output = Format.TEXT
) -> int:
    """Approve photos, whatever was decided before.

    The app and the user hear of it. Exit 5 when a photo stands like that already, or changed in between.
    """
    from lomi_ops.domain.verdict import MediaStatus

    return _decide(common, ids, MediaStatus.APPROVED, None, note, actor, format_)


@app.command("reject")
@options.with_common
def review_reject(
    common: options.Common,
    ids: Ids,
    because: Annotated[str, typer.Option(help="blurry, no_face, group_photo, underage or nsfw.")],
    note: Note,
    actor: As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Reject photos, whatever was decided before.

    The app and the user hear of it. Exit 5 when a photo stands like that already, or changed in between.
    """
    from lomi_ops.domain.review import REASONS
    from lomi_ops.domain.verdict import MediaStatus

    word = next((reason for reason in REASONS if reason == because), None)
    if word is None:
        raise UsageError(f"{because!r} is no reason that a user can be told", hint=f"one of: {', '.join(REASONS)}")
    return _decide(common, ids, MediaStatus.REJECTED, word, note, actor, format_)


def _decide(
    common: options.Common,
    ids: list[str],
    status: MediaStatus,
    reason: Reason | None,
    note: str,
    actor: str | None,
    format_: Format,
) -> int:
    from dataclasses import replace

    from lomi_ops.ops.reviews.desk import Choice, Desk
    from lomi_ops.ops.reviews.stepping import require_schema

    if not note.strip():
        raise UsageError("--reason says nothing", hint="say why in a few words: an override is on record")
    photos = [_media_id(text) for text in ids]
    with session.opened(common, "redis", "database", changes=True) as runtime:
        desk = Desk(runtime.database, runtime.queue, options.actor(actor), runtime.settings.review)
        require_schema(runtime.database)
        seen, refused = desk.standing(photos)
        step = desk.decide(seen, Choice(status, reason, note), grace_s=0)
        step = replace(step, refused=(*refused, *step.refused))
    _report(step, format_)
    failures = [refusal.failure for refusal in step.refused] + ([step.unsent] if step.unsent else [])
    return int(failures[0].exit_code if failures else ExitCode.OK)


def _report(step: Step, format_: Format) -> None:
    if format_ is Format.TEXT:
        for each in step.done:
            output.text(f"{each.media_id}: {each.status_before} -> {each.status.value}")
    else:
        body = {
            "done": [_decision(each) for each in step.done],
            "refused": [{"media_id": str(each.media_id), "why": each.failure.message} for each in step.refused],
            "published": step.published,
        }
        output.document(body, schema="lomi.review.step/v1", format_=format_)
    for refusal in step.refused:
        diagnostics.error(refusal.failure)
    if step.unsent is not None:
        diagnostics.error(step.unsent)
        diagnostics.note("  it is decided all the same: a worker or the next decision tells the app when Redis is back")


def _decision(done: Overridden) -> dict[str, Any]:
    return {
        "media_id": str(done.media_id),
        "before": done.status_before,
        "after": done.status.value,
        "reason": done.reason,
        "job_id": done.job_id,
    }


def _media_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no media id", hint="lomi review list") from None


def _record(row: PhotoRow) -> dict[str, Any]:
    return {
        "media_id": str(row.media_id),
        "user_id": str(row.user_id),
        "batch_id": str(row.batch_id) if row.batch_id else None,
        "key": row.url,
        "status": row.status,
        "reason": row.reason,
        "scores": row.scores,
        "created_at": row.created_at,
        "moderated_at": row.moderated_at,
    }


def _show(rows: tuple[PhotoRow, ...]) -> None:
    if not rows:
        output.text("nothing to look at")
        return
    headers = ("photo", "uploaded", "status", "reason", "why")
    lines = [
        (
            str(row.media_id),
            f"{row.created_at:%m-%d %H:%M}" if row.created_at else "",
            "waiting" if row.in_review else row.status or "",
            row.reason or "",
            _why(row),
        )
        for row in rows
    ]
    keep = [0, 2, 3, 4] if output.narrow(100) else [0, 1, 2, 3, 4]
    output.table([headers[i] for i in keep], [[line[i] for i in keep] for line in lines])


def _why(row: PhotoRow) -> str:
    """The first ground, or what the old worker's numbers say."""
    scores: Any = row.scores
    if not isinstance(scores, dict):
        return ""
    grounds = scores.get("grounds")
    if isinstance(grounds, list) and grounds and isinstance(grounds[0], dict):
        return str(grounds[0].get("text", ""))
    failure = scores.get("failure")
    if isinstance(failure, dict):
        return str(failure.get("detail", ""))
    named = (("blur", "blur_variance"), ("faces", "face_count"), ("age", "estimated_age"))
    return ", ".join(f"{name} {scores[key]}" for name, key in named if scores.get(key) is not None)
