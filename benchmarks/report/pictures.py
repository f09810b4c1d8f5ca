"""Draws the picture of `docs/reports.md` anew: `python -m benchmarks.report.pictures docs/images`.

A week of made-up photos in a real Postgres, the report as HTML, and a headless Chromium that opens it.
"""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from lomi_ops.cli.report_formats import ReportFormat, writer
from lomi_ops.config.load import LoadOptions, load
from lomi_ops.db import reporting
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.catalogue import KINDS, asked
from tests.services import running_postgres

KIND = "rejections"
WEEK = Window(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
REASONS = {"blurry": 9, "no_face": 6, "nsfw": 3, "group_photo": 2, "underage": 1}
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


def photographed(page: str, picture: Path) -> None:
    browser = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.html")
        file.write_text(page, "utf-8")
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,1640"]
        subprocess.run(
            [browser, *words, f"--screenshot={picture}", file.as_uri()], check=True, timeout=120, capture_output=True
        )


def main(folder: Path) -> None:
    with running_postgres() as url:
        prepare(url)
        fill(url)
        photographed(drawn(url), folder.resolve() / f"report-{KIND}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
