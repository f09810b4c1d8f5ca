"""Draws the pictures of `docs/reports.md` and `docs/metrics.md` anew.

    .venv/bin/python -m benchmarks.report.pictures docs/images

A week of made-up photos in a real Postgres, the report as HTML, the status page of made-up numbers, and a headless
Chromium that opens them.
"""

from __future__ import annotations

import math
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from lomi_ops.cli import metrics_page
from lomi_ops.cli.report_formats import ReportFormat, writer
from lomi_ops.config.alerts import rules
from lomi_ops.config.load import LoadOptions, load
from lomi_ops.config.schema import Settings
from lomi_ops.db import reporting
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain.measure import Labels, Measured
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.catalogue import KINDS, asked
from tests import browser
from tests.services import running_postgres

KIND = "rejections"
WEEK = Window(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
REASONS = {"blurry": 9, "no_face": 6, "nsfw": 3, "group_photo": 2, "underage": 1}
STATUS: tuple[tuple[str, dict[str, str], float], ...] = (
    ("lomi_queue_jobs", {"state": "ready"}, 140), ("lomi_queue_jobs", {"state": "running"}, 2),
    ("lomi_queue_jobs", {"state": "delayed"}, 3), ("lomi_queue_jobs", {"state": "dead"}, 1),
    ("lomi_queue_oldest_age_seconds", {}, 432), ("lomi_queue_stuck_jobs", {}, 0), ("lomi_results_unheard", {}, 0),
    ("lomi_workers", {"state": "running"}, 2), ("lomi_workers", {"state": "silent"}, 2),
    ("lomi_workers_expected", {}, 4),
    ("lomi_photos_undecided", {"waits": "worker"}, 420), ("lomi_photos_undecided", {"waits": "person"}, 38),
    ("lomi_review_oldest_age_seconds", {}, 7500), ("lomi_decided_photos", {"window": "1h"}, 1204),
    ("lomi_rejection_ratio", {"window": "1h"}, 0.21), ("lomi_decided_photos", {"window": "7d"}, 221_480),
    ("lomi_rejection_ratio", {"window": "7d"}, 0.2), ("lomi_database_write_p95_seconds", {"window": "5m"}, 0.009),
    ("lomi_up", {"service": "redis"}, 1), ("lomi_up", {"service": "postgres"}, 1),
    ("lomi_up", {"service": "objects"}, 1),
    ("lomi_up", {"service": "compreface"}, 1), ("lomi_probe_seconds", {"service": "compreface"}, 0.164),
)  # fmt: skip
_AT_NIGHT, _AT_NOON = 6, 60
"""Photos an hour."""


def fill(url: str) -> None:
    chance = random.Random(8)
    rows = []
    for hour in range(-24 * 7, 24 * 7):
        at = WEEK.start + timedelta(hours=hour)
        tide = (1 - math.cos((at.hour - 2) / 24 * 2 * math.pi)) / 2 * (1.5 if at.weekday() > 4 else 1)
        for _ in range(round(_AT_NIGHT + _AT_NOON * tide * chance.uniform(0.8, 1.2))):
            rejected = chance.random() < (0.34 if at.day == 19 and at.hour > 11 else 0.21)
            reason = chance.choices([*REASONS], [*REASONS.values()])[0] if rejected else None
            # Some users send much, most of them little.
            user = UUID(int=int(chance.paretovariate(0.6)) % 3000 + 1)
            rows.append([user, at + timedelta(minutes=chance.uniform(0, 60)), reason])
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.cursor().executemany(
            "INSERT INTO media (id, user_id, media_type, url, batch_id, created_at, moderation_reason,"
            " moderation_status, moderated_at) SELECT gen_random_uuid(), %s, 'photo', 'k', gen_random_uuid(), at,"
            " reason, CASE WHEN reason IS NULL THEN 'approved' ELSE 'rejected' END, at"
            " FROM (SELECT %s::timestamptz AS at, %s::text AS reason) AS made",
            rows,
        )


def drawn(url: str) -> str:
    policy = load(LoadOptions()).settings.active_policy()
    with Database(url) as database:
        wanted = asked(database, WEEK, UTC, "UTC", policy)
        with reporting.reading(database) as session:
            report = KINDS[KIND](session, wanted)
    return writer(ReportFormat.HTML)(report)


def status() -> str:
    """The page of `lomi metrics serve` in a night with two things wrong."""
    values: dict[tuple[str, Labels], float] = {(name, tuple(sorted(labels.items()))): value
                                               for name, labels, value in STATUS}  # fmt: skip
    return metrics_page.page(Measured(WEEK.end, values), rules(Settings()))


def main(folder: Path) -> None:
    with running_postgres() as url:
        prepare(url)
        fill(url)
        browser.photographed(drawn(url), folder.resolve() / f"report-{KIND}.png", 900, 1900)
    browser.photographed(status(), folder.resolve() / "metrics-status.png", 400, 1400)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
