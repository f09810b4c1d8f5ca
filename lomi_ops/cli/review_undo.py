"""`lomi review undo|release`: taking back a decision, and freeing what somebody else holds."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import options, output, review_choice, review_step, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from lomi_ops.domain.review import Claim
    from lomi_ops.ops.reviews.desk import Desk

Ids = Annotated[list[str] | None, typer.Argument(help="Photos by media id.", metavar="ID...")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]
StepId = Annotated[
    str | None, typer.Option("--step", help="All that one command or key decided, as it was printed.", metavar="STEP")
]
Last = Annotated[bool, typer.Option("--last", help="My own last step.")]
Mine = Annotated[bool, typer.Option("--mine", help="All that I hold, in every terminal.")]


@options.with_common
def review_undo(
    common: options.Common, ids: Ids = None, step: StepId = None, last: Last = False, why: Why = "",
    dry_run: review_choice.DryRun = False, confirm: review_choice.Confirm = None, actor: review_choice.As = None,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Take back decisions: photos, a step, or my last step.

    Within the grace window nobody hears of it. After it the earlier decision is told anew; a photo that waited for a
    person waits again. Exit 5 for a photo that has changed since.
    """
    from lomi_ops.domain.confirm import require_count
    from lomi_ops.ops.reviews.desk import Desk

    if (bool(ids) + (step is not None) + last) != 1:
        raise UsageError("what is to be taken back?", hint="lomi review undo ID, or --step STEP, or --last")
    with session.opened(common, "redis", "database", changes=not dry_run) as runtime:
        desk = Desk(runtime.database, runtime.queue, options.actor(actor), runtime.settings.review)
        named = [review_choice.media_id(text) for text in ids or ()]
        of_step = review_choice.step_id(step) if step else desk.last_step() if last else None
        media_ids = desk.photos_of_step(of_step) if of_step else tuple(dict.fromkeys(named))
        if dry_run:
            return review_step.report_plan("take back", media_ids, format_, note=why)
        again = ["lomi", "review", "undo", *(["--step", str(of_step)] if of_step else ids or []), *_reason(why)]
        require_count(len(media_ids), confirm, noun="photo", again=shlex.join(again), none="lomi review list")
        done = desk.undo_step(of_step, why) if of_step else desk.undo(media_ids, why)
    return review_step.report(done, format_)


@options.with_common
def review_release(
    common: options.Common, ids: Ids = None, mine: Mine = False, why: Why = "", dry_run: review_choice.DryRun = False,
    actor: review_choice.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Free photos that somebody holds.

    For a terminal that died, or a colleague who went home. Whoever held them cannot decide them any more. What is left
    alone becomes free by itself when its claim ends.
    """
    from lomi_ops.ops.reviews.desk import Desk
    from lomi_ops.ops.reviews.stepping import require_schema

    if bool(ids) is mine:
        raise UsageError("which photos?", hint="lomi review release ID, or --mine")
    named = [review_choice.media_id(text) for text in ids or ()]
    with session.opened(common, "database", changes=not dry_run) as runtime:
        require_schema(runtime.database)
        desk = Desk(runtime.database, None, options.actor(actor), runtime.settings.review)
        held = _held(desk, named, mine=mine)
        freed = held if dry_run else desk.free([claim.media_id for claim in held], why)
        if not dry_run:
            review_step.send_due(runtime)
    _report(freed, format_, dry_run=dry_run)
    return int(ExitCode.OK)


def _held(desk: Desk, named: Sequence[UUID], *, mine: bool) -> tuple[Claim, ...]:
    return desk.held(None if mine else named, mine=mine)


def _report(freed: Sequence[Claim], format_: Format, *, dry_run: bool) -> None:
    if format_ is not Format.TEXT:
        body: dict[str, Any] = {"dry_run": dry_run, "freed": [claim_record(claim) for claim in freed]}
        output.document(body, schema="lomi.review.release/v1", format_=format_)
        return
    for claim in freed:
        output.text(f"{claim.media_id}: {'held' if dry_run else 'was held'} by {shown(claim.actor)}")
    did = "would free" if dry_run else "freed"
    output.text(f"{did} {counted(len(freed), 'photo')}" if freed else "nobody holds any of them")


def claim_record(claim: Claim) -> dict[str, Any]:
    """Without the token: it is a key."""
    return {
        "media_id": str(claim.media_id),
        "actor": claim.actor,
        "claimed_at": claim.claimed_at,
        "expires_at": claim.expires_at,
    }


def _reason(why: str) -> list[str]:
    return ["--reason", why] if why else []
