"""How `lomi privacy` puts its answers into words and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.privacy import PLACES
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from lomi_ops.domain.privacy import Hold
    from lomi_ops.ops.privacy.archive import Written
    from lomi_ops.ops.privacy.erase import Erased
    from lomi_ops.ops.privacy.survey import Survey
    from lomi_ops.ops.unknowns import Unknown


def show_export(found: Survey, done: Written, format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = _about(found) | {
            "file": str(done.path),
            "files": [asdict(part) for part in done.parts],
            "missing_objects": list(done.missing),
        }
        output.document(body, schema="lomi.privacy.export/v1", format_=format_)
    else:
        _counts(found.counts, ("place", "held"))
        output.text(f"{done.path}: {counted(len(done.parts), 'file')}")
    _notes(found, done.missing)


def show_plan(found: Survey, format_: Format, *, dry_run: bool) -> None:
    photos = len(found.trail.media_ids)
    if format_ is not Format.TEXT:
        body = _about(found) | {"dry_run": dry_run, "photos": photos, "gone": {}, "left": found.counts}
        output.document(body, schema="lomi.privacy.erase/v1", format_=format_)
    elif found.counts:
        _counts(found.counts, ("place", "would go", "how"))
        output.text(f"{counted(photos, 'photo')}; nothing was erased: --confirm-count {photos} does it")
    else:
        output.text(f"nothing is held on user {found.trail.person.user_id}")
    _notes(found)


def show_erased(found: Survey, done: Erased, format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = _about(found) | {
            "dry_run": False,
            "photos": len(found.trail.media_ids),
            "gone": dict(done.gone),
            "left": dict(done.left),
        }
        output.document(body, schema="lomi.privacy.erase/v1", format_=format_)
    else:
        _counts(done.gone, ("place", "went", "how"))
        output.text("erased; what backups and logs hold is another matter: docs/privacy.md")
    _notes(found)
    if done.left:
        came = ", ".join(f"{place} {number}" for place, number in done.left.items())
        diagnostics.warn(f"something came meanwhile, and is still there: {came}")
        diagnostics.hint("the same command once more")


def show_holds(found: tuple[Hold, ...], unknown: tuple[Unknown, ...], format_: Format) -> None:
    if format_ is Format.JSONL:
        for each in found:
            output.line(asdict(each))
    elif format_ is Format.JSON:
        body = {"holds": [asdict(each) for each in found], "unknown": [asdict(each) for each in unknown]}
        output.document(body, schema="lomi.privacy.holds/v1")
    elif found:
        rows = [(str(each.user_id), f"{each.at:%Y-%m-%d}", shown(each.actor), shown(each.reason)) for each in found]
        output.table(("user", "since", "by", "reason"), rows)
    else:
        output.text("\n".join(f"{each.what}: {each.command}" for each in unknown) or "nobody is held")


def _about(found: Survey) -> dict[str, Any]:
    who = found.trail.person
    return {
        "user_id": str(who.user_id),
        "telegram_id": who.telegram_id,
        "counts": found.counts,
        "shared": list(found.shared),
        "unnameable": list(found.unnameable),
        "unknown": [asdict(each) for each in found.unknown],
    }


def _counts(found: Mapping[str, int], headers: tuple[str, ...]) -> None:
    how = {place: fate.value for place, fate in PLACES.items()}
    rows = [(place, str(number), how.get(place, "deleted")) for place, number in found.items()]
    output.table(headers, [row[: len(headers)] for row in rows], right=(1,), prose=())


def _notes(found: Survey, missing: tuple[str, ...] = ()) -> None:
    for key in found.shared:
        diagnostics.warn(f"{shown(key)} is a photo of another user, too: it is left alone")
    for key in found.unnameable:
        diagnostics.warn(f"{shown(key)} has a key that programs read differently: it is neither read nor deleted")
    if found.unnameable:
        diagnostics.hint("delete it where the bucket is kept, and look that just this object goes")
    for key in missing:
        diagnostics.warn(f"{shown(key)} went while the archive was written")
    for each in found.unknown:
        diagnostics.warn(f"{each.what}: {each.command}")
