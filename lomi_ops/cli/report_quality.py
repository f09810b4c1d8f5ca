"""`lomi report quality`: how good decisions are, as far as samples can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format

if TYPE_CHECKING:
    from lomi_ops.domain.quality import Part
    from lomi_ops.ops.quality.assessing import Assessment


def show(common: options.Common, window: str, format_: Format) -> int:
    from lomi_ops.domain.window import parse
    from lomi_ops.ops.quality import assessing

    with session.opened(common, "database") as runtime:
        found = assessing.assessed(runtime.database, parse(window, runtime.database.now()))
    if format_ is Format.TEXT:
        _show(found)
    else:
        output.document(_record(found), schema="lomi.report.quality/v1", format_=format_)
    return 0


def _show(found: Assessment) -> None:
    output.text(f"Samples drawn {found.window.start:%Y-%m-%d %H:%M} to {found.window.end:%Y-%m-%d %H:%M} UTC")
    quality = found.quality
    parts = [quality.rejections, *quality.by_reason, quality.approvals, quality.golden]
    if not found.recorded:
        output.text("no place for samples here: lomi migrate apply")
    elif not any(part.drawn for part in parts):
        output.text("none were drawn: lomi review sample draw --approved 1% --rejected 5%")
    else:
        rows = [_row("rejections that were right", quality.rejections)]
        rows += [_row(f"  {part.name or '(no reason)'}", part) for part in quality.by_reason]
        rows += [
            _row("approvals that were wrong", quality.approvals),
            _row("golden photos judged right", quality.golden),
        ]
        output.table(("", "drawn", "judged", "share", "95 %", ""), rows, right=(1, 2, 3))
    if found.chosen:
        output.text(
            "\nDecided anew by people's own choice, in the same time (biased: they look where something seems wrong)"
        )
        chosen = [
            (f"{each.status} {each.reason or ''}".rstrip(), str(each.looked_at), str(each.changed))
            for each in found.chosen
        ]
        output.table(("stood as", "looked at", "changed"), chosen, right=(1, 2))


def _row(name: str, part: Part) -> tuple[str, ...]:
    estimate = part.estimate
    if estimate.share is None:
        return name, str(part.drawn), "0", "-", "-", "nobody has judged any" if part.drawn else ""
    notes = [] if estimate.tells else ["too few to tell"]
    if part.other_reason:
        notes.append(f"{part.other_reason} for another reason")
    interval = f"{estimate.low:.1%} - {estimate.high:.1%}"
    return name, str(part.drawn), str(estimate.judged), f"{estimate.share:.1%}", interval, "; ".join(notes)


def _record(found: Assessment) -> dict[str, Any]:
    quality = found.quality
    return {
        "window": {"start": found.window.start, "end": found.window.end},
        "recorded": found.recorded,
        "rejections": _part(quality.rejections),
        "by_reason": {part.name: _part(part) for part in quality.by_reason},
        "approvals_missed": _part(quality.approvals),
        "golden": _part(quality.golden),
        "chosen_biased": [
            {"status": each.status, "reason": each.reason, "looked_at": each.looked_at, "changed": each.changed}
            for each in found.chosen
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    estimate = part.estimate
    return {
        "drawn": part.drawn,
        "waiting": part.waiting,
        "judged": estimate.judged,
        "hits": estimate.hits,
        "share": estimate.share,
        "low": estimate.low,
        "high": estimate.high,
        "tells": estimate.tells,
        "other_reason": part.other_reason,
    }
