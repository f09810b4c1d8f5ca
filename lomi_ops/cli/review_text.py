"""Photos as `lomi review` lists and shows them. What people typed is shown, never obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lomi_ops.cli import output
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.db.media import PhotoRow
    from lomi_ops.db.reviewing import PileCount
    from lomi_ops.ops.reviews.piles import Lying


def record(lying: Lying) -> dict[str, Any]:
    """One photo of a list, for programs."""
    known = lying.known
    return photo_record(lying.photo) | {
        "decided_by": known.actor if known else None,
        "claimed_by": known.claimed_by if known else None,
        "claimed_until": known.claimed_until if known else None,
    }


def photo_record(row: PhotoRow) -> dict[str, Any]:
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
        "queue": row.pile,
    }


def show(found: Sequence[Lying]) -> None:
    if not found:
        output.text("nothing to look at")
        return
    headers = ("photo", "uploaded", "status", "reason", "held by", "why")
    lines = [
        (
            str(row.media_id),
            f"{row.created_at:%m-%d %H:%M}" if row.created_at else "",
            standing(row),
            shown(row.reason or ""),
            shown(each.known.claimed_by or "") if each.known else "",
            shown(why(row)),
        )
        for each in found
        for row in [each.photo]
    ]
    keep = [0, 2, 3, 5] if output.narrow(100) else [0, 1, 2, 3, 4, 5]
    if not any(line[4] for line in lines):
        keep = [at for at in keep if at != 4]
    output.table([headers[i] for i in keep], [[line[i] for i in keep] for line in lines])


def show_counts(counts: Sequence[PileCount], format_: Format) -> None:
    rows = [
        {"queue": each.pile.value, "photos": each.photos, "more": each.more, "oldest": each.oldest} for each in counts
    ]
    if format_ is Format.JSON:
        output.document({"queues": rows}, schema="lomi.review.counts/v1")
    elif format_ is Format.JSONL:
        for row in rows:
            output.line(row)
    else:
        lines = [
            (
                each.pile.value,
                f"{each.photos:,}{'+' * each.more}",
                f"{each.oldest:%Y-%m-%d %H:%M}" if each.oldest else "",
            )
            for each in counts
        ]
        output.table(("queue", "photos", "oldest upload"), lines, right=(1,))


def standing(row: PhotoRow) -> str:
    return "waiting" if row.in_review else shown(row.status or "")


def why(row: PhotoRow) -> str:
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
