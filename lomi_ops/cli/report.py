"""`lomi report`: numbers over a window."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lomi_ops.cli import options
from lomi_ops.cli.report_formats import ReportFormat
from lomi_ops.errors import UsageError


class What(StrEnum):
    """Which report."""

    SUMMARY = "summary"
    REJECTIONS = "rejections"
    UPLOADS = "uploads"
    LATENCY = "latency"
    ERRORS = "errors"
    GROWTH = "growth"
    WORKERS = "workers"
    QUEUE = "queue"
    TAKEDOWNS = "takedowns"
    THRESHOLDS = "thresholds"
    QUALITY = "quality"


_LONG = frozenset({What.QUALITY, What.THRESHOLDS, What.GROWTH})
"""One day says too little."""


@options.with_common
def report(
    common: options.Common,
    what: Annotated[What, typer.Argument(help="Which report.", metavar="WHAT")] = What.SUMMARY,
    window: Annotated[
        str | None,
        typer.Option(help="today, yesterday, 7d, week, month, 2026-11-19, or A..B (UTC).", metavar="WINDOW"),
    ] = None,
    tz: Annotated[str, typer.Option(help="Time zone of labels, e.g. Africa/Addis_Ababa.", metavar="ZONE")] = "UTC",
    format_: Annotated[
        ReportFormat | None,
        typer.Option("--output", "-o", help="How it is written; text, or what the name of the file asks for."),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write it there, in one step.", metavar="FILE")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing when all is well.")] = False,
    send: Annotated[
        list[str] | None, typer.Option("--send", help="Also send it by this route of alerts.", metavar="ROUTE")
    ] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="growth: look at the object store, too, up to 20,000 objects.")
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", help="Exit 1 if a figure is so, e.g. 'rejection_rate>0.3'.", metavar="CONDITION"),
    ] = None,
) -> int:
    """Summarise uploads, or one side of them.

    summary: how photos stand, why, and how long judging took, beside the window before. rejections: by reason, hour
    and user. uploads: when, of how many users. latency: percentiles against the targets. errors: by cause, with an
    example. growth: the record's size and forecast. workers: what each did. queue: what waited. takedowns: how long
    rejected photos were live. thresholds: what lies near each, and whether it was right. quality: samples that people
    judged again. Yesterday by default; growth, thresholds and quality the last 30 days.
    """
    from lomi_ops.cli.report_formats import format_for
    from lomi_ops.cli.report_run import Wanted, run
    from lomi_ops.domain.bound import parse

    if objects and what is not What.GROWTH:
        raise UsageError("--objects goes with growth alone", hint="lomi report growth --objects")
    wanted = Wanted(
        kind=what.value,
        window=window or ("30d" if what in _LONG else "yesterday"),
        zone=tz,
        format_=format_ or format_for(to),
        file=to,
        quiet=quiet,
        send=tuple(send or ()),
        objects=objects,
        bounds=tuple(bound for each in fail_if or () for bound in parse(each)),
    )
    return run(common, wanted)
