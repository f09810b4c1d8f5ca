"""One run of `lomi report`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from lomi_ops.cli import diagnostics, output, session
from lomi_ops.cli.options import Common
from lomi_ops.cli.report_formats import ReportFormat, writer
from lomi_ops.db import reporting
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain import bound
from lomi_ops.domain.bound import Bound
from lomi_ops.domain.report import Report
from lomi_ops.domain.window import parse
from lomi_ops.errors import ExitCode, MissingExtra, UsageError
from lomi_ops.ops.alerts.routes import Route
from lomi_ops.ops.policies import activating
from lomi_ops.ops.reports import catalogue, growth, sending


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    kind: str
    window: str
    zone: str
    format_: ReportFormat
    file: Path | None
    quiet: bool
    send: tuple[str, ...]
    """Names of routes."""
    bounds: tuple[Bound, ...]
    objects: bool = False
    """Whether the object store is looked at, too."""

    @property
    def acts(self) -> bool:
        """Whether it does more than to print: then runs are kept apart."""
        return self.file is not None or bool(self.send)


def run(common: Common, wanted: Wanted) -> int:
    zone = _zone(wanted.zone)
    parse(wanted.window, datetime.now(UTC))  # a mistake is told before anybody is asked; the window is the server's
    with session.opened(common, "database", *(["objects"] if wanted.objects else [])) as runtime:
        routes = sending.chosen(runtime.settings.alerts, wanted.send)
        database = runtime.replica
        window = parse(wanted.window, database.now())
        policy = activating.standing(database, runtime.settings).regime.policies[0]
        asked = catalogue.asked(database, window, zone, wanted.zone, policy)
        if wanted.objects:
            bucket = runtime.settings.objects.bucket_photos
            asked = replace(asked, listed=growth.listed(runtime.objects, bucket))
        with _held(database, wanted) as source:
            report = catalogue.made(wanted.kind, source, asked)
            bound.require_known(wanted.bounds, report.figures)  # nothing is told of a run that is misuse
            if wanted.acts:
                _deliver(report, wanted)
                _send(report, routes, wanted)
        if not wanted.acts:
            _deliver(report, wanted)  # who reads it in a pager holds no transaction open
    return _judged(report, wanted)


def _held(database: Database, wanted: Wanted) -> AbstractContextManager[Session]:
    return reporting.exclusive(database, wanted.kind) if wanted.acts else reporting.reading(database)


def _deliver(report: Report, wanted: Wanted) -> None:
    write = writer(wanted.format_)
    if wanted.file is not None:
        with output.plain():
            body = write(report)
        output.to_file(wanted.file, body, option="--to")
        if not wanted.quiet:
            diagnostics.note(f"written: {wanted.file}")
    elif not wanted.quiet:
        output.verbatim(write(report))


def _send(report: Report, routes: Sequence[Route], wanted: Wanted) -> None:
    if not routes:
        return
    with output.plain():
        text, document = writer(ReportFormat.TEXT)(report), writer(ReportFormat.JSONL)(report)
        page = _page(report) if sending.wants_page(routes) else ""
    sending.send(routes, sending.message(report, text, document, page))
    if not wanted.quiet:
        diagnostics.note(f"sent by {', '.join(route.name for route in routes)}")


def _page(report: Report) -> str:
    """Empty without the extra that draws it: the text is the report, too."""
    try:
        return writer(ReportFormat.HTML)(report)
    except MissingExtra as lacking:
        diagnostics.note(f"sent without the HTML page: {lacking.hint}")
        return ""


def _judged(report: Report, wanted: Wanted) -> int:
    sentences = bound.broken(wanted.bounds, report.figures)
    open_ = () if wanted.quiet else bound.unjudged(wanted.bounds, report.figures)
    for each in (*sentences, *open_):
        diagnostics.note(f"{report.kind}: {each}")
    return int(ExitCode.BAD if sentences else ExitCode.OK)


def _zone(name: str) -> tzinfo:
    """Raises UsageError for one that this machine does not know."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise UsageError(f"{name!r} is no time zone that this machine knows", hint="--tz Europe/Vienna") from None
