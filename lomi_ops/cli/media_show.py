"""`lomi media show`: one photo and everything that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import (
    diagnostics,
    media_text,
    options,
    output,
    review_choice,
    review_notes,
    review_show,
    review_similar,
    session,
)
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from lomi_ops.db.browsing import JobOfPhoto
    from lomi_ops.ops.photos.sheet import Sheet
    from lomi_ops.ops.reviews.desk import Desk
    from lomi_ops.runtime import Runtime

_ALIKE = 10
"""Photos that look the same, before somebody asks for all of them."""


@options.with_common
def media_show(
    common: options.Common,
    media_id: Annotated[str, typer.Argument(help="A photo by media id.", metavar="ID")],
    open_: Annotated[
        bool, typer.Option("--open", help="Draw it in the terminal, grey and blurred unless it is revealed.")
    ] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="With --open: draw it as it is. Each reveal is noted.")
    ] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show one photo and everything that is known of it.

    Scores against the thresholds that judged it, every decision with its policy and models, jobs and attempts,
    overrides, notes, and the same picture elsewhere. A look at a suspected minor goes on record.
    """
    from lomi_ops.ops.photos.sheet import sheet
    from lomi_ops.ops.reviews.desk import Desk

    photo = review_choice.media_id(media_id)
    if open_ or reveal:
        _check(open_=open_, format_=format_)
    needs = ("database", "objects") if open_ else ("database",)
    with session.opened(common, *needs) as runtime:
        desk = Desk(runtime.database, None, options.actor(actor), runtime.settings.review)
        found = sheet(desk, photo)
        if open_:
            _draw(runtime, desk, found, revealed=reveal)
    if format_ is Format.TEXT:
        _show(found)
    else:
        output.document(record(found), schema="lomi.media.photo/v1", format_=format_)
    if not found.dossier.recorded:
        diagnostics.note("no schema lomi here: decisions, models and notes are not known (lomi migrate apply)")
    return int(ExitCode.OK)


def _check(*, open_: bool, format_: Format) -> None:
    """Raises UsageError where nothing could be drawn, before any reveal is noted."""
    hint = "lomi media show ID --open, in a terminal with colours"
    if not open_:
        raise UsageError("--reveal says how --open draws", hint=hint)
    if format_ is not Format.TEXT or not output.colours() or output.ascii_only():
        raise UsageError("a photo cannot be drawn here", hint=hint)


def _draw(runtime: Runtime, desk: Desk, found: Sheet, *, revealed: bool) -> None:
    """A reveal is on record before anybody has seen it."""
    import os
    import shutil

    from lomi_ops.domain.drawn import boxes
    from lomi_ops.domain.stored_policy import stored_policy
    from lomi_ops.tui.review.plate import Unseen
    from lomi_ops.tui.review.still import still
    from lomi_ops.tui.review.terminal import Images

    if found.dossier.minor and not found.dossier.recorded:
        raise Refused("each look at a suspected minor goes on record, and there is no schema lomi",
                      hint="lomi migrate apply")  # fmt: skip
    if revealed:
        desk.reveal(found.dossier.photo.media_id)
    evidence, judged = found.dossier.evidence, found.dossier.judged
    marks = tuple(boxes(evidence, stored_policy(judged.thresholds))) if evidence and judged else ()
    images = Images(runtime.settings.review.images)
    columns, rows = shutil.get_terminal_size()
    drawn = still(
        runtime.objects, runtime.settings.objects.bucket_photos, runtime.settings.images, found.dossier.photo.url,
        revealed=revealed, boxes=marks, measured=(evidence.width, evidence.height) if evidence else None,
        images=Images.AUTO if images is Images.NONE else images, environ=os.environ,
        size=(min(columns, 100), max(rows - 4, 10)),
    )  # fmt: skip
    if isinstance(drawn, Unseen):
        diagnostics.warn(f"{drawn.title}: {drawn.why}")
    else:
        output.verbatim(drawn)
    if note := desk.reminder():
        diagnostics.note(note)


def _show(found: Sheet) -> None:
    dossier = found.dossier
    facts = review_show.facts(dossier)
    if found.sha256:
        facts.append(("sha256", found.sha256))
    output.table(("what", "value"), facts)
    review_show.section(
        "measured", ("label", "observed", "review", "reject", "zone"), map(review_show.measure_row, dossier.measures)
    )
    headers = ("when", "who", "decision", "policy", "models", "why")
    keep = [0, 1, 2, 3, 5] if output.narrow(130) else list(range(len(headers)))
    rows = [[row[i] for i in keep] for row in map(media_text.decision_row, found.log)]
    review_show.section("decided", [headers[i] for i in keep], rows)
    review_show.section("jobs", ("job", "opened", "attempt", "worker", "settled"), map(_job, found.jobs))
    if found.likeness.near:
        _same(found)
    if dossier.notes:
        output.text("\nnotes")
        review_notes.show(list(dossier.notes))


def _job(each: JobOfPhoto) -> tuple[str, ...]:
    settled = f"{each.settled_at:%Y-%m-%d %H:%M:%S}" if each.settled_at else "open"
    return (
        shown(each.job_id),
        f"{each.opened_at:%Y-%m-%d %H:%M:%S}",
        str(each.attempt or ""),
        shown(each.worker or ""),
        settled + (f", left this photo: {shown(each.skipped)}" if each.skipped else ""),
    )


def _same(found: Sheet) -> None:
    likeness = found.likeness
    copies = sum(found.same_file(each.media_id) for each in likeness.near)
    words = f"the same picture: {counted(len(likeness.near), 'photo')}{' or more' if likeness.more else ''}"
    words += f", {counted(likeness.others, 'other user')}" if likeness.others else ""
    output.text("\n" + words + (f", {copies} the same file to the byte" if copies else ""))
    review_similar.table(likeness, _ALIKE)
    if len(likeness.near) > _ALIKE:
        output.text(f"and more: lomi review similar {likeness.media_id}")


def record(found: Sheet) -> dict[str, Any]:
    similar = review_similar.record(found.likeness)
    for each, near in zip(similar["near"], found.likeness.near, strict=True):
        each["same_file"] = found.same_file(near.media_id)
    return review_show.dossier_record(found.dossier) | {
        "sha256": found.sha256,
        "decisions": [media_text.decision_record(each) for each in found.log],
        "jobs": [
            {
                "job_id": each.job_id,
                "opened_at": each.opened_at,
                "claimed_at": each.claimed_at,
                "settled_at": each.settled_at,
                "attempt": each.attempt,
                "worker": each.worker,
                "host": each.host,
                "first_outage_at": each.first_outage_at,
                "skipped": each.skipped,
            }
            for each in found.jobs
        ],
        "similar": similar,
    }
