"""Photos as `lomi media` lists them. What others wrote is shown, never obeyed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import output, review_text
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from lomi_ops.db.decisions import LoggedDecision
    from lomi_ops.db.media import PhotoRow
    from lomi_ops.ops.photos.browse import Listed
    from lomi_ops.ops.reviews.piles import Lying

_NUMBERS = (
    ("porn", "nsfw_scores", "porn"),
    ("blur", "blur_variance"),
    ("faces", "face_count"),
    ("years", "estimated_age"),
)
_ROOMS = ((100, (0, 3, 4, 7)), (160, (0, 1, 3, 4, 5, 7)))
"""Columns that a terminal of less than so many signs shows; the others are in `media show`."""


def show(found: Sequence[Lying], *, since: datetime | None = None) -> None:
    """With `since`, photos that were uploaded before were not looked at."""
    if not found:
        output.text("no photo matches" + (f" since {minute(since)}" if since else ""))
        return
    headers = ("photo", "uploaded", "decided", "status", "reason", "by", "user", "scores")
    lines = [
        (
            str(row.media_id),
            minute(row.created_at),
            minute(row.moderated_at),
            review_text.standing(row),
            shown(row.reason or ""),
            shown((each.known.actor or "") if each.known else ""),
            str(row.user_id),
            scores(row),
        )
        for each in found
        for row in [each.photo]
    ]
    fits = next((room for width, room in _ROOMS if output.narrow(width)), tuple(range(len(headers))))
    keep = [at for at in fits if at != 5 or any(line[5] for line in lines)]
    output.table([headers[i] for i in keep], [[line[i] for i in keep] for line in lines])


def notes(listed: Listed, limit: int) -> Iterator[str]:
    """What stands beside a list: how it goes on, and what would make it quick."""
    if listed.full:
        yield f"there are more than these {limit}: --after {listed.next}, --limit N or a filter"
    elif listed.next:
        yield (
            f"looked back to {minute(listed.back_to)} UTC and no further: --after {listed.next} goes on,"
            f" --all looks on until there are {limit}"
        )
    missing = _MISSING.get(listed.way.value)
    if missing and listed.large:
        what, index = missing
        yield f"this read all of media, which has no index {what}: lomi migrate indexes --build {index}"


_MISSING = {"table": ("by time", "media_reports"), "table_for_user": ("of a user's photos", "media_user")}


def minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def scores(row: PhotoRow) -> str:
    """The numbers that a filter asks for, whoever wrote them."""
    said = []
    for name, *path in _NUMBERS:
        value: Any = row.scores
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            said.append(f"{name} {_glance(value)}")
    return ", ".join(said)


def _glance(value: float) -> str:
    """Three digits: a score of 3.7893e-05 is none."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else "0"


def models(each: LoggedDecision) -> str:
    """The engines of one decision with their models; what gave no answer is said."""
    reports = each.evidence.reports if each.evidence else ()
    said = [f"{report.model or report.engine.value}{'' if report.answered else ' (no answer)'}" for report in reports]
    return ", ".join(dict.fromkeys(said))


def decision_row(each: LoggedDecision) -> tuple[str, ...]:
    """When, who, what, policy, models, why."""
    before = state(each.status_before, each.reason_before)
    return (
        f"{each.at:%Y-%m-%d %H:%M:%S}",
        shown(each.worker or each.actor) if each.actor == "worker" else shown(each.actor),
        f"{before} -> {state(each.status, each.reason)}",
        each.verdict.policy if each.verdict else "",
        shown(models(each)),
        shown("; ".join(filter(None, (each.detail, each.taken.words if each.taken else "")))),
    )


def decision_record(each: LoggedDecision) -> Mapping[str, Any]:
    reports = each.evidence.reports if each.evidence else ()
    return {
        "at": each.at,
        "actor": each.actor,
        "worker": each.worker,
        "attempt": each.attempt,
        "job_id": each.job_id,
        "status_before": each.status_before,
        "reason_before": each.reason_before,
        "status": each.status,
        "reason": each.reason,
        "outcome": each.verdict.outcome.value if each.verdict else None,
        "policy": each.verdict.policy if each.verdict else None,
        "models": [
            {
                "engine": report.engine.value,
                "model": report.model,
                "version": report.version,
                "status": report.status.value,
                "elapsed_ms": report.elapsed_ms,
            }
            for report in reports
        ],
        "failure": each.failure,
        "sha256": each.photo_sha256,
        "processing_ms": each.processing_ms,
        "detail": each.detail,
        "taken": asdict(each.taken) if each.taken else None,
    }


def state(status: str | None, reason: str | None) -> str:
    return shown(f"{status} ({reason})" if reason else status or "nothing")
