"""Runs of `lomi policy simulate` and `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lomi_ops.cli import diagnostics, output, session
from lomi_ops.cli.options import Common
from lomi_ops.cli.progress import bar
from lomi_ops.cli.report_formats import ReportFormat, writer
from lomi_ops.domain import bound
from lomi_ops.domain.bound import Bound
from lomi_ops.domain.report import Report
from lomi_ops.domain.window import parse
from lomi_ops.errors import ExitCode
from lomi_ops.ops.policies import activating, listing, side_by_side, simulate, simulation_report
from lomi_ops.ops.policies.sweep import Line


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    policy: str
    window: str
    changes: tuple[str, ...]
    sweep: tuple[Line, tuple[float, ...]] | None
    limit: int
    bounds: tuple[Bound, ...]
    format_: ReportFormat


def run(common: Common, wanted: Wanted) -> int:
    parse(wanted.window, datetime.now(UTC))  # a mistake is told before anybody is asked; the window is the server's
    with session.opened(common, "database") as runtime:
        settings = runtime.settings
        policy = listing.altered(settings, wanted.policy, wanted.changes)
        window = parse(wanted.window, runtime.replica.now())
        with bar("judging", None) as tell:
            found = simulate.simulated(
                runtime.replica, policy, window, wanted.limit, wanted.sweep, lambda done: tell(done, "judging again")
            )
        holds = activating.standing(runtime.replica, settings).regime.policies[0]
        report = simulation_report.report(found, policy, holds)
    return _told(report, wanted.bounds, wanted.format_)


def compare(common: Common, window: str, limit: int, bounds: tuple[Bound, ...], format_: ReportFormat) -> int:
    """One run of `lomi policy compare`."""
    parse(window, datetime.now(UTC))
    with session.opened(common, "database") as runtime:
        database = runtime.replica
        report = side_by_side.build(database, parse(window, database.now()), limit)
    return _told(report, bounds, format_)


def _told(report: Report, bounds: tuple[Bound, ...], format_: ReportFormat) -> int:
    bound.require_known(bounds, report.figures)
    output.verbatim(writer(format_)(report))
    sentences = bound.broken(bounds, report.figures)
    for each in (*sentences, *bound.unjudged(bounds, report.figures)):
        diagnostics.note(f"{report.kind}: {each}")
    return int(ExitCode.BAD if sentences else ExitCode.OK)
