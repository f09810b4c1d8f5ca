"""`lomi review`: what people should look at, and their decisions."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from lomi_ops.cli import diagnostics, options, output
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.db.media import PhotoRow
    from lomi_ops.domain.verdict import MediaStatus, Reason
    from lomi_ops.ops.reviews import Step

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at what was rejected or waits, and decide.")


class Queue(StrEnum):
    """Which photos to list."""

    WAITING = "waiting"
    REJECTED = "rejected"
    FAILED = "failed"
    ALL = "all"


Ids = Annotated[list[str], typer.Argument(help="Photos by media id.", metavar="ID...")]
Note = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]
As = Annotated[str | None, typer.Option("--as", help="Who decides; else LOMI_ACTOR, else the login.", metavar="NAME")]


@app.command("list")
@options.with_common
def review_list(
    common: options.Common,
    queue: Annotated[Queue, typer.Option(help="Which photos.")] = Queue.ALL,
    reason: Annotated[str | None, typer.Option(help="Only this reason, e.g. blurry.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List photos that wait for a person, or that were rejected or failed."""
    from lomi_ops.db import media
    from lomi_ops.runtime import opened

    needs = frozenset({"database"})
    with opened(needs=needs, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        rows = media.listed(runtime.database, _filter(queue, reason), limit=limit)
    rows = tuple(row for row in rows if row.status != "pending" or row.in_review)
    if format_ is Format.TEXT:
        _show(rows)
    elif format_ is Format.JSONL:
        for row in rows:
            output.line(_record(row))
    else:
        output.document({"photos": [_record(row) for row in rows]}, schema="lomi.review.list/v1")
    return 0


@app.command("approve")
@options.with_common
def review_approve(
    common: options.Common, ids: Ids, note: Note, actor: As = None, format_: options.Output = Format.TEXT
) -> int:
    """Approve photos, whatever was decided before; the app and the user hear of it."""
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
    """Reject photos, whatever was decided before; the app and the user hear of it."""
    from lomi_ops.db.overrides import REASONS
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
    from datetime import UTC, datetime

    from lomi_ops.ops import reviews
    from lomi_ops.runtime import opened

    if not note.strip():
        raise UsageError("--reason says nothing", hint="say why in a few words: an override is on record")
    photos = [_media_id(text) for text in ids]
    needs = frozenset({"redis", "database"})
    with opened(needs=needs, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        step = reviews.decide(
            runtime.database, runtime.queue, photos, status, reason,
            actor=options.actor(actor), note=note, at=datetime.now(UTC),
        )  # fmt: skip
    _report(step, format_)
    return int(step.refused[0].failure.exit_code if step.refused else ExitCode.OK)


def _report(step: Step, format_: Format) -> None:
    if format_ is not Format.TEXT:
        done = [
            {"media_id": str(d.media_id), "before": d.status_before, "after": d.status.value, "reason": d.reason}
            for d in step.done
        ]
        refused = [{"media_id": str(r.media_id), "why": r.failure.message} for r in step.refused]
        body = {"done": done, "refused": refused, "published": step.published}
        output.document(body, schema="lomi.review.step/v1")
    else:
        for done_ in step.done:
            output.text(f"{done_.media_id}: {done_.status_before} -> {done_.status.value}")
    for refusal in step.refused:
        diagnostics.error(refusal.failure)


def _media_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no media id", hint="lomi review list") from None


def _filter(queue: Queue, reason: str | None) -> Any:
    from lomi_ops.db.media import PhotoFilter
    from lomi_ops.domain.verdict import MediaStatus

    statuses = {
        Queue.WAITING: (MediaStatus.PENDING,),
        Queue.REJECTED: (MediaStatus.REJECTED,),
        Queue.FAILED: (MediaStatus.FAILED,),
        Queue.ALL: (MediaStatus.PENDING, MediaStatus.REJECTED, MediaStatus.FAILED),
    }[queue]
    reasons = (reason,) if reason else None
    if queue is Queue.WAITING and reason is None:
        reasons = ("needs_review",)
    return PhotoFilter(statuses, reasons)


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
    if output.narrow(100):
        # An id that is broken over two lines cannot be copied.
        output.table((headers[0], *headers[2:]), [(line[0], *line[2:]) for line in lines])
    else:
        output.table(headers, lines)


def _why(row: PhotoRow) -> str:
    """The first ground, or what the old worker's numbers say."""
    scores = row.scores or {}
    grounds = scores.get("grounds")
    if isinstance(grounds, list) and grounds and isinstance(grounds[0], dict):
        return str(grounds[0].get("text", ""))
    failure = scores.get("failure")
    if isinstance(failure, dict):
        return str(failure.get("detail", ""))
    named = (("blur", "blur_variance"), ("faces", "face_count"), ("age", "estimated_age"))
    return ", ".join(f"{name} {scores[key]}" for name, key in named if scores.get(key) is not None)
