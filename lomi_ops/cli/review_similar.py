"""`lomi review similar`: photos that look the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.db.fingerprints import Near
    from lomi_ops.ops.quality.similar import Likeness

_NOTHING = {
    "no_place": "no place for hashes here: lomi migrate apply",
    "not_looked_at": "nothing is known of its looks: no worker with hashes has judged it, or it shows too little",
}


@options.with_common
def review_similar(
    common: options.Common,
    media_id: Annotated[str, typer.Argument(help="A photo by media id.", metavar="ID")],
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List photos of anybody that look the same as one.

    In another size, quality or frame, by a perceptual hash; the nearest first.
    """
    from lomi_ops.ops.quality import similar

    try:
        photo = UUID(media_id)
    except ValueError:
        raise UsageError(f"{media_id!r} is no media id", hint="lomi review list") from None
    with session.opened(common, "database") as runtime:
        found = similar.duplicates(runtime.database, photo, limit=limit)
    if format_ is Format.TEXT:
        _show(found)
    else:
        output.document(record(found), schema="lomi.review.similar/v1", format_=format_)
    if found.more:
        diagnostics.note(f"there are more than these {limit}: --limit N")
    return 0


def _show(found: Likeness) -> None:
    if found.known.value in _NOTHING:
        output.text(_NOTHING[found.known.value])
        return
    if not found.near:
        output.text("no other photo looks the same")
        return
    table(found)


def table(found: Likeness, most: int | None = None) -> None:
    """The nearest ones."""
    output.table(
        ("photo", "user", "bits apart", "stands as", "uploaded"),
        [_row(each, found.user_id) for each in found.near[:most]],
        right=(2,),
        prose=(3,),
    )


def _row(near: Near, owner: UUID) -> tuple[str, ...]:
    whose = "the same" if near.user_id == owner else str(near.user_id)
    stands = f"{near.status} ({near.reason})" if near.reason else near.status or "gone"
    return (
        str(near.media_id),
        whose,
        str(near.distance),
        stands,
        f"{near.uploaded_at:%Y-%m-%d %H:%M}" if near.uploaded_at else "",
    )


def record(found: Likeness) -> dict[str, Any]:
    return {
        "media_id": str(found.media_id),
        "user_id": str(found.user_id),
        "known": found.known.value,
        "other_users": found.others,
        "more": found.more,
        "near": [
            {
                "media_id": str(each.media_id),
                "user_id": str(each.user_id),
                "distance": each.distance,
                "status": each.status,
                "reason": each.reason,
                "uploaded_at": each.uploaded_at,
                "decided_at": each.decided_at,
            }
            for each in found.near
        ],
    }
