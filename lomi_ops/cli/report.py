"""`lomi report`: numbers over a window."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format

if TYPE_CHECKING:
    from lomi_ops.db.reports import Summary


class What(StrEnum):
    """Which report."""

    SUMMARY = "summary"
    QUALITY = "quality"


@options.with_common
def report(
    common: options.Common,
    what: Annotated[What, typer.Argument(help="Which report.", metavar="WHAT")] = What.SUMMARY,
    window: Annotated[
        str | None,
        typer.Option(help="today, yesterday, 7d, week, month, 2026-11-19, or A..B (UTC).", metavar="WINDOW"),
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Summarise uploads, or the quality of decisions.

    summary: how photos stand, why, and how long judging took, beside the window before; yesterday by default.
    quality: which share of decisions was right, from samples that people judged again; the last 30 days by default.
    """
    if what is What.QUALITY:
        from lomi_ops.cli import report_quality

        return report_quality.show(common, window or "30d", format_)
    return _summarise(common, window or "yesterday", format_)


def _summarise(common: options.Common, window: str, format_: Format) -> int:
    from datetime import UTC, datetime

    from lomi_ops.db import reports
    from lomi_ops.domain.window import parse
    from lomi_ops.ops import unknowns

    span = parse(window, datetime.now(UTC))
    with session.opened(common, "database") as runtime:
        now, before = (reports.summary(runtime.database, each) for each in (span, span.previous))
        unknown = unknowns.of_record(runtime.database)
    if format_ is Format.TEXT:
        _show(now, before)
        for each in unknown:
            output.text(f"{each.what}: {each.command}")
    else:
        body = _record(now) | {"before": _record(before), "unknown": [asdict(each) for each in unknown]}
        output.document(body, schema="lomi.report.summary/v1", format_=format_)
    return 0


def _record(summary: Summary) -> dict[str, object]:
    return {
        "window": {"start": summary.window.start, "end": summary.window.end},
        "uploads": summary.uploads,
        "statuses": dict(summary.statuses),
        "reasons": dict(summary.reasons),
        "rejection_rate": summary.rejection_rate,
        "processing_ms": summary.processing_ms,
    }


def _show(now: Summary, before: Summary) -> None:
    output.text(f"Photos uploaded {now.window.start:%Y-%m-%d %H:%M} to {now.window.end:%Y-%m-%d %H:%M} UTC")
    rows = [("uploads", str(now.uploads), str(before.uploads))]
    rows += [(status, str(count), str(before.statuses.get(status, 0))) for status, count in now.statuses.items()]
    rows += [(f"  {reason}", str(count), str(before.reasons.get(reason, 0))) for reason, count in now.reasons.items()]
    rows.append(("rejection rate", _percent(now.rejection_rate), _percent(before.rejection_rate)))
    rows.append(("mean time a photo", _milliseconds(now.processing_ms), _milliseconds(before.processing_ms)))
    output.table(("", "this window", "the one before"), rows, right=(1, 2))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
