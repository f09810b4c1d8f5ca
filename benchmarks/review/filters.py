"""How long does a filter take that must see every photo of a long pile?

    .venv/bin/python -m benchmarks.review.filters [--rows 1000000 2000000]

For each number of rows a Postgres of its own with so many photos, one of eight rejected. Times what `lomi review list
--queue rejected --count` with a filter does, beside the same rows read by `COPY`. Prints Markdown. The server does not
wait for its disk.
"""

from __future__ import annotations

import argparse
import resource
import time

import psycopg

from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain import review_filter
from lomi_ops.domain.pile import Pile
from lomi_ops.ops.reviews import piles
from tests.services import running_postgres

FILL = """
INSERT INTO media (id, user_id, media_type, url, batch_id, moderation_status, moderation_reason, moderation_scores,
                   created_at, moderated_at)
SELECT gen_random_uuid(), %(user)s, 'photo', 'users/u/photo/' || n || '.jpg', gen_random_uuid(),
       CASE WHEN n %% 8 = 0 THEN 'rejected' ELSE 'approved' END, CASE WHEN n %% 8 = 0 THEN 'nsfw' END,
       jsonb_build_object('blur_variance', 61.5, 'has_face', true, 'face_count', 1, 'estimated_age', 24.0,
           'policy', 'default@1', 'processing_time_ms', 60,
           'nsfw_scores', jsonb_build_object('porn', (n %% 1000) / 1000.0, 'sexy', 0.2, 'hentai', 0.0),
           'grounds', '[{"reason": "nsfw", "text": "porn reaches 0.25"}]'::jsonb),
       now() - n * interval '1 second', now() - n * interval '1 second'
FROM generate_series(1, %(rows)s) AS n
"""
COPY = "COPY (SELECT * FROM media WHERE moderation_status = 'rejected') TO STDOUT"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 2_000_000])
    wanted = parser.parse_args()
    print("| photos | rejected | match | the filter | the same rows by COPY | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rows in wanted.rows:
        print(line(rows), flush=True)


def line(rows: int) -> str:
    with running_postgres() as url:
        prepare(url)
        with psycopg.connect(url, autocommit=True) as pg:
            user = pg.execute(
                "INSERT INTO users (id, telegram_id) VALUES (gen_random_uuid(), 1) RETURNING id"
            ).fetchone()
            assert user is not None
            pg.execute(FILL, {"user": user[0], "rows": rows})
            pg.execute("ANALYZE media")
            with Database(url) as database:
                began = time.perf_counter()
                found = piles.counts(database, Pile.REJECTED, review_filter.parse(["porn>0.9"]), now=database.now())
                filtered = time.perf_counter() - began
            began = time.perf_counter()
            with pg.cursor().copy(COPY) as copied:
                for _ in copied:
                    pass
            plain = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"| {rows:,} | {rows // 8:,} | {found[0].photos:,} | {filtered:.1f} s | {plain:.1f} s | {peak:.0f} MB |"


if __name__ == "__main__":
    main()
