"""How long does a report take over ten million photos?

    .venv/bin/python -m benchmarks.report [--rows 10000000] [--without-looks] [--keep FOLDER | --url URL]

Makes a Postgres of its own with `--rows` photos, 50,000 a day, their decisions, jobs and looks, as large as workers
write them, and what people decided and judged, in a folder that stays where one is named; or takes one that was filled
so. What a kept one lacks is filled in. Makes each report for a day, a week and a month three times
and prints Markdown: the first time and the median. The server does not wait for its disk, and has 1 GB of shared
buffers.
`INDEX` is what docs/reports.md proposes to the owner of `media`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.errors import DuplicateTable, InvalidTableDefinition
from psycopg.rows import TupleRow

from benchmarks.report import looks, people
from benchmarks.report.kept import SETTINGS, kept_server
from lomi_ops.config.load import LoadOptions, load
from lomi_ops.db import migrate, reporting
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import script
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import Asked
from lomi_ops.ops.reports.catalogue import KINDS, Build, asked
from tests.services import postgres_server

APART_S = 1.728
"""Between two photos: 50,000 a day."""
WINDOWS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
# Built when the rows are there: much faster than row by row.
INDEXES = """
ALTER TABLE media DROP CONSTRAINT media_pkey CASCADE;
DROP INDEX idx_media_batch_id, lomi.decisions_media_id, lomi.decisions_user_id, lomi.decisions_step, lomi.decisions_at,
    lomi.decisions_notable, lomi.decisions_of_approved, lomi.jobs_batch_id, media_piles, media_minors,
    lomi.photo_hashes_bands, lomi.photo_hashes_user_id;
ALTER TABLE lomi.photo_hashes DROP CONSTRAINT photo_hashes_pkey;
"""
INDEX = """
CREATE INDEX media_reports ON media (created_at)
    INCLUDE (media_type, user_id, batch_id, moderated_at, moderation_status, moderation_reason)
"""
AGAIN = (
    INDEX,
    "ALTER TABLE media ADD PRIMARY KEY (id)",
    "CREATE INDEX idx_media_batch_id ON media (batch_id)",
    "CREATE INDEX decisions_at ON lomi.decisions (at)",
    "CREATE INDEX decisions_notable ON lomi.decisions (at) WHERE actor <> 'worker' OR status = 'pending'",
    "CREATE INDEX decisions_of_approved ON lomi.decisions (at) WHERE status_before = 'approved'",
    "CREATE INDEX decisions_media_id ON lomi.decisions (media_id, id)",
    "CREATE INDEX decisions_user_id ON lomi.decisions (user_id)",
    "CREATE INDEX decisions_step ON lomi.decisions (step) WHERE step IS NOT NULL",
    "CREATE INDEX jobs_batch_id ON lomi.jobs (batch_id)",
)
PROPOSED = ("media_piles", "media_minors", "media_user")
OF_LOOKS = (
    "ALTER TABLE lomi.photo_hashes ADD PRIMARY KEY (media_id)",
    "CREATE INDEX photo_hashes_bands ON lomi.photo_hashes USING gin (bands) WITH (fastupdate = off)",
    "CREATE INDEX photo_hashes_user_id ON lomi.photo_hashes (user_id)",
)
FILL = (
    """
INSERT INTO media
    (id, user_id, media_type, url, batch_id, created_at, moderation_status, moderation_reason, moderated_at,
     moderation_scores)
SELECT md5('m' || n)::uuid, md5('u' || (n / 9) %% 400000)::uuid, 'photo',
       'users/' || md5('u' || (n / 9) %% 400000) || '/photo/' || n || '.jpg', md5('b' || n / 3)::uuid, at,
       CASE WHEN n > %(rows)s - 1500 THEN 'pending' WHEN n %% 5 = 0 THEN 'rejected' WHEN n %% 97 = 0 THEN 'failed'
            ELSE 'approved' END,
       CASE WHEN n > %(rows)s - 1500 THEN 'needs_review' WHEN n %% 5 = 0
                THEN (ARRAY['blurry', 'nsfw', 'no_face', 'group_photo'])[1 + n / 5 %% 4]
            WHEN n %% 97 = 0 THEN 'truncated' END,
       CASE WHEN n <= %(rows)s - 1500 THEN at + (1 + n %% 40) * interval '0.7 seconds' END,
       jsonb_build_object('blur_variance', round((40 + random() * 400)::numeric, 6), 'has_face', true, 'face_count', 1,
           'estimated_age', round((18 + random() * 40)::numeric, 1),
           'nsfw_scores', jsonb_build_object('porn', round((random() ^ 6)::numeric, 12),
               'sexy', round((random() ^ 4)::numeric, 12), 'hentai', round((random() ^ 8)::numeric, 12)),
           'processing_time_ms', 120 + n %% 611)
FROM (SELECT n, now() - (%(rows)s - n) * %(apart)s * interval '1 second' AS at
      FROM generate_series(1, %(rows)s) AS n) AS photos
""",
    """
INSERT INTO lomi.decisions
    (at, media_id, batch_id, user_id, job_id, actor, worker, attempt, status_before, status, reason, outcome, policy,
     grounds, engines, findings, processing_ms)
SELECT at, md5('m' || n)::uuid, md5('b' || n / 3)::uuid, md5('u' || (n / 9) %% 400000)::uuid, 'job-' || n / 3,
       'worker', 'b1/0', 1, 'pending', CASE WHEN n %% 5 = 0 THEN 'rejected' ELSE 'approved' END,
       CASE WHEN n %% 5 = 0 THEN (ARRAY['blurry', 'nsfw', 'no_face', 'group_photo'])[1 + n / 5 %% 4] END,
       CASE WHEN n %% 5 = 0 THEN 'reject' ELSE 'approve' END, 'default@1', '[]',
       jsonb_build_array(
           jsonb_build_object('model', 'laplacian', 'detail', '', 'engine', 'blur', 'status', 'answered',
               'version', '1', 'elapsed_ms', round((1.5 + random() * 2)::numeric, 3)),
           jsonb_build_object('model', 'compreface', 'detail', '', 'engine', 'faces', 'status', 'answered',
               'version', '1.2.0', 'elapsed_ms', round((150 + random() * 90)::numeric, 3)),
           jsonb_build_object('model', 'nudenet-320n', 'detail', '', 'engine', 'nsfw', 'status', 'answered',
               'version', 'ab', 'elapsed_ms', round((35 + random() * 30)::numeric, 3))),
       '[{"box": [100, 10, 80, 80], "label": "face", "score": 0.9, "engine": "faces"},
         {"label": "sharpness", "score": 1.0, "value": 150.0, "engine": "blur"}]', 180
FROM (SELECT n, now() - (%(rows)s - n) * %(apart)s * interval '1 second' + interval '20 seconds' AS at
      FROM generate_series(1, %(rows)s) AS n) AS photos
""",
    """
INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at, claimed_at, took_ms,
                       worker, host, approved, opening_ms, downloads_ms, settled_before_ms)
SELECT 'job-' || n, md5('b' || n)::uuid, gen_random_uuid(), 1,
       ARRAY[md5('m' || 3 * n)::uuid, md5('m' || 3 * n + 1)::uuid, md5('m' || 3 * n + 2)::uuid], at, at, at, 900,
       'b' || n %% 4 || '/' || n %% 2, 'host-' || n %% 2, 3, 0.4 + random() * 3,
       ARRAY[20 + random() * 200, 20 + random() * 200, 20 + random() * 200], 2 + random() * random() * 120
FROM (SELECT n, now() - (%(rows)s - 3 * n) * %(apart)s * interval '1 second' + interval '20 seconds' AS at
      FROM generate_series(1, %(rows)s / 3) AS n) AS jobs
""",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument(
        "--without-looks", action="store_false", dest="looks", help="do not fill in what photos look like"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--keep", type=Path, metavar="FOLDER", help="of the server's data, which stay; filled if new")
    source.add_argument("--url", help="of a server that was filled before")
    wanted = parser.parse_args()
    if wanted.url:
        measure(wanted.url)
        return
    with kept_server(wanted.keep, *SETTINGS) if wanted.keep else postgres_server(*SETTINGS) as server:
        fill(server.url, wanted.rows)
        if not people.are_there(server.url):
            _tell("filling what people did")
            people.fill(server.url, wanted.rows)
        if wanted.looks:
            fill_looks(server.url, wanted.rows)
        measure(server.url)


def fill(url: str, rows: int) -> None:
    """What is not there yet. What was interrupted is taken up at the table or the index where it was."""
    prepare(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '1GB'")
        if _is_empty(connection, "media"):
            connection.execute(INDEXES)
        for text in FILL:
            _fill_table(connection, text.split()[2], partial(connection.execute, text.encode(), _given(rows)))
        _build(connection, *AGAIN, *(script(f"proposed/{name}.sql") for name in PROPOSED))


def fill_looks(url: str, rows: int) -> None:
    """What photos look like, which no report asks for."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        _fill_table(connection, "lomi.photo_hashes", partial(looks.fill, connection, rows))
        _build(connection, *OF_LOOKS)
    with Database(url) as database:
        for step in migrate.apply_all(database, actor="benchmark", now=lambda: datetime.now(UTC))[0].steps:
            _tell(f"lomi migrate apply: {step}")


def _given(rows: int) -> dict[str, float]:
    return {"rows": rows, "apart": APART_S}


def _fill_table(connection: psycopg.Connection[TupleRow], table: str, act: Callable[[], object]) -> None:
    if _is_empty(connection, table):
        _tell(f"filling {table}")
        act()


def _is_empty(connection: psycopg.Connection[TupleRow], table: str) -> bool:
    query = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(*table.split(".")))
    return connection.execute(query).fetchone() is None


def _build(connection: psycopg.Connection[TupleRow], *indexes: str) -> None:
    """Then vacuums, so that reports read the index alone."""
    new = 0
    for index in indexes:
        # `IF NOT EXISTS` says nothing; of a primary key there is no such thing.
        with suppress(DuplicateTable, InvalidTableDefinition):
            connection.execute(index.encode())
            _tell(index)
            new += "IF NOT EXISTS" not in index
    if new:
        _tell("VACUUM")
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def measure(url: str) -> None:
    policy = load(LoadOptions()).settings.active_policy()
    with Database(url, statement_timeout_s=300) as database:
        end = database.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        print("| report | " + " | ".join(f"{name}, first, s | median, s" for name in WINDOWS) + " |")
        print("| --- |" + " ---: |" * 2 * len(WINDOWS))
        for kind, build in KINDS.items():
            cells = []
            for length in WINDOWS.values():
                found = asked(database, Window(end - length, end), UTC, "UTC", policy)
                took = [_timed(lambda: _made(database, build, found)) for _ in range(3)]  # noqa: B023
                cells += [f"{took[0]:.2f}", f"{statistics.median(took):.2f}"]
            print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    _tell(f"load average {os.getloadavg()[0]:.1f} at the end, {os.cpu_count()} cores")


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _made(database: Database, build: Build, found: Asked) -> None:
    with reporting.reading(database) as session:
        build(session, found)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
