"""The kinds of reports, and the one way to make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, tzinfo

from lomi_ops.db import samples, server
from lomi_ops.db.media import has_lomi_schema
from lomi_ops.db.pool import Database
from lomi_ops.db.reporting import Source
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.report import Gap, Report
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import (
    errors,
    growth,
    latency,
    quality,
    rejections,
    summary,
    takedowns,
    thresholds,
    uploads,
    waiting,
    workers,
)
from lomi_ops.ops.reports.asked import Asked

Build = Callable[[Source, Asked], Report]
KINDS: dict[str, Build] = {
    "summary": summary.build,
    "rejections": rejections.build,
    "uploads": uploads.build,
    "latency": latency.build,
    "errors": errors.build,
    "growth": growth.build,
    "workers": workers.build,
    "queue": waiting.build,
    "takedowns": takedowns.build,
    "thresholds": thresholds.build,
    "quality": quality.build,
}


_REPLICATION = "psql -c 'TABLE pg_stat_wal_receiver'"
_USUAL_LAG = timedelta(seconds=10)
"""Of a replica; it is not worth a word."""


def _not_over(asked: Asked) -> tuple[str, ...]:
    """What looks like a fall in a month that still goes on is none."""
    if asked.at is None or asked.window.end <= asked.at:
        return ()
    if asked.window.start > asked.at:
        return ("this window has not begun",)
    return ("this window is not over: it has less than a whole one, such as the one before",)


def asked(database: Database, window: Window, zone: tzinfo, zone_name: str, policy: Policy) -> Asked:
    """What can be asked of this database."""
    logged, sampled = has_lomi_schema(database), samples.has_samples(database)
    received = server.received_until(database)
    return Asked(window, zone, zone_name, logged, sampled, policy, received, at=database.now())


def made(kind: str, source: Source, asked: Asked) -> Report:
    """One report, and that it lacks the end of its window where that is to come or a replica has not received it."""
    report = KINDS[kind](source, asked)
    report = replace(report, notes=(*_not_over(asked), *report.notes))
    until = asked.received_until
    if until is None or until + _USUAL_LAG >= asked.window.end:
        return report
    missing = f"the replica shows what was written until {until:%Y-%m-%d %H:%M:%S} UTC: what came later is not counted"
    return replace(report, unknown=(*report.unknown, Gap(missing, _REPLICATION)))
