"""The kinds of reports, and the one way to make them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from lomi_ops.db import samples
from lomi_ops.db.media import has_lomi_schema
from lomi_ops.db.pool import Database
from lomi_ops.db.reporting import Source
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.report import Report
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


def asked(database: Database, window: Window, zone: tzinfo, zone_name: str, policy: Policy) -> Asked:
    """What can be asked of this database."""
    return Asked(window, zone, zone_name, has_lomi_schema(database), samples.has_samples(database), policy)
