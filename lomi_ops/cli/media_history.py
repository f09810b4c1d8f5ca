"""`lomi media history`: one user, and how the photos stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
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
    review_text,
    session,
)
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.db.reviewing import Told
    from lomi_ops.ops.photos.history import Trend, UserPhotos
    from lomi_ops.ops.quality.similar import Likeness

_LATEST = 20
"""Photos and decisions that a person reads."""


@options.with_common
def media_history(
    common: options.Common,
    user: Annotated[str, typer.Argument(help="A user by id.", metavar="USER")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show the photos of one user, and what became of them.

    How they stand, the trend of 30 days, decisions, notes.

    And which pictures somebody else has as well.
    """
    from lomi_ops.ops.photos.history import history, shared
    from lomi_ops.ops.reviews.desk import Desk

    user_id = review_choice.user_id(user)
    with session.opened(common, "database") as runtime:
        desk = Desk(runtime.database, None, options.actor(None), runtime.settings.review)
        found = history(desk, user_id)
        pictures = shared(desk, found.known)
        if format_ is Format.TEXT:
            _show(found, pictures)
        else:
            output.document(record(found, pictures), schema="lomi.media.history/v1", format_=format_)
    if not found.known.recorded:
        diagnostics.note("no schema lomi here: decisions, notes and likenesses are not known (lomi migrate apply)")
    return int(ExitCode.OK)


def _show(found: UserPhotos, pictures: Iterable[Likeness]) -> None:
    """The pictures last, each as it is found: that may take longer than the rest."""
    known = found.known
    total = sum(each.photos for each in found.standing)
    facts = [("user", shown(review_show.owner_text(known.owner, str(known.user_id)))), ("photos", str(total))]
    if known.recorded:
        facts.append(("overridden", f"{known.overridden} of the last {len(known.story)} decisions"))
    facts += [("uploads by day", _spark(found)), *_trend(found.trend)]
    output.table(("what", "value"), facts)
    standing = [(shown(each.status), shown(each.reason or ""), str(each.photos)) for each in found.standing]
    review_show.section("how they stand", ("status", "reason", "photos"), standing)
    photos = [
        (str(row.media_id), media_text.minute(row.created_at), review_text.standing(row), shown(row.reason or ""),
         media_text.scores(row))
        for row in known.photos[:_LATEST]
    ]  # fmt: skip
    headers = ("photo", "uploaded", "status", "reason", "scores")
    keep = [0, 2, 3, 4] if output.narrow(100) else list(range(len(headers)))
    review_show.section("latest photos", [headers[i] for i in keep], [[row[i] for i in keep] for row in photos])
    headers = ("photo", "decision", "when", "who", "why")
    keep = [0, 1] if output.narrow(130) else list(range(len(headers)))
    rows = [_decision(told) for told in known.story[:_LATEST]]
    review_show.section("latest decisions", [headers[i] for i in keep], [[row[i] for i in keep] for row in rows])
    if known.notes:
        output.text("\nnotes")
        review_notes.show(list(known.notes))
    for likeness in pictures:
        output.text(f"\nthe same picture as {likeness.media_id}")
        review_similar.table(likeness, 5)
    if total > _LATEST:
        diagnostics.note(f"all photos: lomi media list user:{known.user_id}")


def _decision(told: Told) -> tuple[str, ...]:
    when, who, what, why = review_show.told_row(told)
    return (str(told.media_id), what, when, who, why)


def _spark(found: UserPhotos) -> str:
    from lomi_ops.domain.spark import spark

    counts = [float(day.photos) for day in found.days]
    drawn = spark(counts, len(counts), plain=output.ascii_only())
    return f"{drawn} {sum(day.photos for day in found.days)} in {len(found.days)} days"


def _trend(trend: Trend) -> list[tuple[str, str]]:
    def share(value: float | None) -> str:
        return "nothing decided" if value is None else f"{value:.0%}"

    return [
        ("last 15 days", f"{trend.photos} uploaded, rejected: {share(trend.rejected)}"),
        ("15 days before", f"{trend.photos_before} uploaded, rejected: {share(trend.rejected_before)}"),
    ]


def record(found: UserPhotos, pictures: Iterable[Likeness]) -> dict[str, Any]:
    known = found.known
    return {
        "user_id": str(known.user_id),
        "owner": review_show.owner_record(known.owner),
        "standing": [asdict(each) for each in found.standing],
        "days": [asdict(each) for each in found.days],
        "trend": asdict(found.trend),
        "overridden": known.overridden,
        "photos": [review_text.photo_record(row) for row in known.photos],
        "story": [review_show.told_record(told) for told in known.story],
        "notes": [review_notes.record(note) for note in known.notes],
        "shared": [review_similar.record(likeness) for likeness in pictures],
        "recorded": known.recorded,
    }
