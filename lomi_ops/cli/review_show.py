"""`lomi review show`: one photo and everything beside it, or one user."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import (
    diagnostics,
    options,
    output,
    review_choice,
    review_notes,
    review_similar,
    review_text,
    review_undo,
    session,
)
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lomi_ops.db.reviewing import Owner, Told
    from lomi_ops.domain.review_measure import Measure
    from lomi_ops.ops.quality.similar import Likeness
    from lomi_ops.ops.reviews.dossier import Dossier, UserHistory


_ALIKE = 5
"""Photos that look the same, before somebody asks for all of them."""
COVERED = "not shown while it lies before you: samples are among the photos that wait"


@options.with_common
def review_show(
    common: options.Common,
    media_id: Annotated[str | None, typer.Argument(help="The photo's media id.", metavar="ID")] = None,
    user: Annotated[str | None, typer.Option("--user", help="A user instead of a photo.", metavar="ID")] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show one photo, or one user, and everything beside it.

    What was measured against the thresholds that judged it, findings, decisions, batch and notes; of a user all photos,
    decisions and notes. A look at a suspected minor goes on record.
    """
    from lomi_ops.ops.reviews.desk import Desk

    if (media_id is None) is (user is None):
        raise UsageError("which photo?", hint="lomi review show ID, or --user ID")
    photo_id = review_choice.media_id(media_id) if media_id else None
    user_id = review_choice.user_id(user) if user else None
    with session.opened(common, "database") as runtime:
        desk = Desk(runtime.database, None, options.actor(actor), runtime.settings.review)
        if user_id:
            history = desk.user(user_id)
            recorded = history.recorded
        elif photo_id:
            desk.recognise(photo_id)
            found = desk.photo(photo_id)
            desk.view(found)
            likeness = desk.similar(photo_id)
            recorded = found.recorded
    if user_id:
        _user(history, format_)
    else:
        _photo(found, likeness, format_)
    if not recorded:
        diagnostics.note("no schema lomi here: decisions, findings and notes are not known (lomi migrate apply)")
    return int(ExitCode.OK)


# --- a photo ----------------------------------------------------------------------------------------------------------


def _photo(found: Dossier, likeness: Likeness, format_: Format) -> None:
    if format_ is not Format.TEXT:
        record = dossier_record(found) | {"similar": review_similar.record(likeness)}
        output.document(record, schema="lomi.review.photo/v1", format_=format_)
        return
    _table(("what", "value"), facts(found))
    section("measured", ("label", "observed", "review", "reject", "zone"), map(measure_row, found.measures))
    evidence = found.evidence
    findings = [
        (report.engine.value, each.raw_label or each.label.value, f"{each.score:.2f}", box_text(each.box))
        for report in (evidence.reports if evidence else ())
        for each in report.findings
    ]
    section("found", ("engine", "label", "score", "box"), findings)
    section("decided", ("when", "who", "decision", "why"), map(told_row, found.story))
    others = [
        (str(row.media_id), review_text.standing(row), shown(row.reason or ""), shown(review_text.why(row)))
        for row in found.mates
        if row.media_id != found.photo.media_id
    ]
    section("in the same batch", ("photo", "status", "reason", "why"), others)
    if likeness.near:
        output.text("\nlooks the same")
        review_similar.table(likeness, _ALIKE)
        if len(likeness.near) > _ALIKE:
            output.text(f"and more: lomi review similar {found.photo.media_id}")
    if found.notes:
        output.text("\nnotes")
        review_notes.show(list(found.notes))
    output.text("\nnext: " + "\n      ".join(_next(found)))


def facts(found: Dossier) -> list[tuple[str, str]]:
    row, judged = found.photo, found.judged
    claim = found.claim
    engines = [
        f"{report.engine.value}: {report.model or 'none'}{'' if report.answered else ' (unavailable)'}"
        for report in (judged.evidence.reports if judged and judged.evidence else ())
    ]
    policy = judged.verdict.policy if judged and judged.verdict else str((row.scores or {}).get("policy", ""))
    rows = [
        ("photo", str(row.media_id)),
        ("stands", " ".join(filter(None, (review_text.standing(row), f"({row.reason})" if row.reason else "")))),
        ("pile", found.pile.value if found.pile else ""),
        ("why", COVERED if found.covered else review_text.why(row)),
        ("user", owner_text(found.owner, str(row.user_id))),
        ("batch", str(row.batch_id or "")),
        ("key", row.url),
        ("uploaded", f"{row.created_at:%Y-%m-%d %H:%M:%S %Z}" if row.created_at else ""),
        ("decided", f"{row.moderated_at:%Y-%m-%d %H:%M:%S %Z}" if row.moderated_at else ""),
        ("policy", policy),
        ("models", "; ".join(engines)),
        ("not looked at", judged.taken.words if judged and judged.taken else ""),
        ("held by", f"{claim.actor} until {claim.expires_at:%H:%M:%S %Z}" if claim else ""),
    ]
    return [(name, shown(value)) for name, value in rows if value]


def _next(found: Dossier) -> list[str]:
    name = found.photo.media_id
    last = found.story[-1] if found.story else None
    if last and last.actor != "worker" and last.undoes is None:
        return [f"lomi review undo {name}"]
    return [f"lomi review approve {name} --reason …", f"lomi review reject {name} --macro …"]


def measure_row(each: Measure) -> tuple[str, str, str, str, str]:
    sign = "< " if each.worse_below else ">= "

    def limit(value: float | None) -> str:
        return "" if value is None else f"{sign}{value:g}"

    observed = "not known" if each.observed is None else f"{each.observed:g}"
    return each.label, observed, limit(each.review_at), limit(each.reject_at), each.zone


def box_text(box: Any) -> str:
    return f"{box.w}x{box.h} at {box.x},{box.y}" if box else ""


def told_row(told: Told) -> tuple[str, str, str, str]:
    before = _state(told.status_before or "", told.reason_before)
    what = f"{before} -> {_state(told.status, told.reason)}"
    return (
        f"{told.at:%Y-%m-%d %H:%M:%S}",
        shown(told.actor),
        what + (" (undo)" if told.undoes else ""),
        shown("; ".join(filter(None, (told.detail, told.taken.words if told.taken else "")))),
    )


def _state(status: str, reason: str | None) -> str:
    return shown(f"{status} ({reason})" if reason else status)


def dossier_record(found: Dossier) -> dict[str, Any]:
    judged = found.judged
    return {
        "photo": review_text.photo_record(found.photo),
        "suspected_minor": found.minor,
        "covered": found.covered,
        "owner": owner_record(found.owner),
        "claim": review_undo.claim_record(found.claim) if found.claim else None,
        "policy": judged.verdict.policy if judged and judged.verdict else None,
        "thresholds": judged.thresholds if judged else None,
        "grounds": [asdict(each) for each in judged.verdict.grounds] if judged and judged.verdict else [],
        "measures": [asdict(each) | {"zone": each.zone} for each in found.measures],
        "evidence": asdict(found.evidence) if found.evidence else None,
        "taken": asdict(judged.taken) if judged and judged.taken else None,
        "story": [told_record(told) for told in found.story],
        "batch": [review_text.photo_record(row) for row in found.mates],
        "notes": [review_notes.record(note) for note in found.notes],
        "recorded": found.recorded,
    }


# --- a user -----------------------------------------------------------------------------------------------------------


def _user(found: UserHistory, format_: Format) -> None:
    if format_ is not Format.TEXT:
        output.document(_user_record(found), schema="lomi.review.user/v1", format_=format_)
        return
    standing = ", ".join(f"{number} {shown(word)}" for word, number in found.standing.items())
    facts = [("user", shown(owner_text(found.owner, str(found.user_id)))), ("photos", standing or "none")]
    _table(("what", "value"), [*facts, ("overridden", str(found.overridden))] if found.recorded else facts)
    photos = [
        (
            str(row.media_id),
            f"{row.created_at:%Y-%m-%d %H:%M}" if row.created_at else "",
            review_text.standing(row),
            shown(row.reason or ""),
            shown(review_text.why(row)),
        )
        for row in found.photos
    ]
    section("photos", ("photo", "uploaded", "status", "reason", "why"), photos)
    story = [(str(told.media_id), *told_row(told)) for told in found.story]
    section("decided", ("photo", "when", "who", "decision", "why"), story)
    if found.notes:
        output.text("\nnotes")
        review_notes.show(list(found.notes))


def _user_record(found: UserHistory) -> dict[str, Any]:
    return {
        "user_id": str(found.user_id),
        "owner": owner_record(found.owner),
        "standing": dict(found.standing),
        "overridden": found.overridden,
        "photos": [review_text.photo_record(row) for row in found.photos],
        "story": [told_record(told) for told in found.story],
        "notes": [review_notes.record(note) for note in found.notes],
        "recorded": found.recorded,
    }


def told_record(told: Told) -> dict[str, Any]:
    return asdict(told) | {"media_id": str(told.media_id), "step": str(told.step) if told.step else None}


def owner_text(owner: Owner | None, user_id: str) -> str:
    if owner is None:
        return f"{user_id} (the backend does not know them)"
    return f"{owner.name or 'no name'}, {user_id}"


def owner_record(owner: Owner | None) -> dict[str, Any] | None:
    return asdict(owner) | {"user_id": str(owner.user_id)} if owner else None


# --- both -------------------------------------------------------------------------------------------------------------


def section(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    if found := list(rows):
        output.text(f"\n{title}")
        _table(headers, found)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    output.table(headers, rows)
