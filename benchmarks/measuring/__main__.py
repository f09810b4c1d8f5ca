"""What does a look at the cluster cost, with ten million photos and as many decisions?

    .venv/bin/python -m benchmarks.measuring [--rows 10000000] [--seconds 120]

Makes a Postgres of its own with `--rows` photos (3,000 of them undecided) and decisions, 50,000 a day, and a Redis with
a list of 100,000 and 16 workers, each with a job in hand. Then looks once a second. Prints Markdown: what each question
took the first time, and what a look costs on average. The servers do not wait for their disks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import psycopg

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.ops.measuring.reader import Bag
from lomi_ops.ops.measuring.record import RecordReader
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.meter import Meter
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.services import running_postgres, running_redis

APART_S = 1.728
"""Between two photos: 50,000 a day."""
UNDECIDED = 3000
WORKERS, LIST = 16, 100_000
# Indexes that no question here uses would take longer to build than all the rest.
UNUSED = """
ALTER TABLE media DROP CONSTRAINT media_pkey CASCADE;
DROP INDEX idx_media_batch_id, lomi.decisions_media_id, lomi.decisions_user_id, lomi.decisions_step,
    lomi.decisions_people;
"""
FILL = (
    """
INSERT INTO media
    (id, user_id, media_type, url, batch_id, created_at, moderation_status, moderation_reason, moderated_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'photo', 'users/x/photo/' || n || '.jpg', gen_random_uuid(),
       now() - n * %(apart)s * interval '1 second',
       CASE WHEN n < %(undecided)s THEN 'pending' WHEN n %% 5 = 0 THEN 'rejected' ELSE 'approved' END,
       CASE WHEN n < %(undecided)s / 2 THEN 'needs_review' WHEN n %% 5 = 0 THEN 'blurry' END,
       now() - n * %(apart)s * interval '1 second'
FROM generate_series(0, %(rows)s - 1) AS n
""",
    """
INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status, reason, engines, processing_ms)
SELECT now() - n * %(apart)s * interval '1 second', gen_random_uuid(), gen_random_uuid(), 'job-' || n,
       CASE WHEN n %% 20 = 0 THEN 'Hana' ELSE 'worker' END, 'pending',
       CASE WHEN n %% 5 = 0 THEN 'rejected' ELSE 'approved' END, CASE WHEN n %% 5 = 0 THEN 'blurry' END,
       '[{"engine": "blur", "elapsed_ms": 1.5}, {"engine": "faces", "elapsed_ms": 160}]', 180
FROM generate_series(0, %(rows)s - 1) AS n
""",
    """
INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at, took_ms, approved)
SELECT 'job-' || n, gen_random_uuid(), gen_random_uuid(), 1, '{}', now() - 3 * n * %(apart)s * interval '1 second',
       now() - 3 * n * %(apart)s * interval '1 second', 900, 3
FROM generate_series(0, %(rows)s / 3) AS n
""",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=120)
    asked = parser.parse_args()
    with running_postgres() as url:
        fill(url, asked.rows)
        postgres(url, asked.rows, asked.seconds)
    with running_redis() as server:
        redis(server.url, asked.seconds)


def fill(url: str, rows: int) -> None:
    prepare(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(UNUSED)
        for text in FILL:
            print(f"filling {text.split()[2]}", file=sys.stderr, flush=True)
            connection.execute(text.encode(), {"rows": rows, "apart": APART_S, "undecided": UNDECIDED})
        connection.execute("VACUUM (ANALYZE)")


def postgres(url: str, rows: int, seconds: int) -> None:
    with Database(url) as database:
        reader = RecordReader(database)
        spent: dict[str, float] = defaultdict(float)
        for question in reader.questions:
            question.ask = timed(question.ask, spent)
        reader.read()
        first = dict(spent)
        spent.clear()
        for _ in range(seconds):
            reader.read()
            time.sleep(1)
    print(f"\n{rows:,} photos and decisions, {seconds} looks, one a second\n")
    print("| question | first, ms | a look, ms |\n| --- | ---: | ---: |")
    for name, took in first.items():
        print(f"| {name} | {took * 1000:.1f} | {spent[name] / seconds * 1000:.2f} |")
    print(f"| all | {sum(first.values()) * 1000:.1f} | {sum(spent.values()) / seconds * 1000:.2f} |")


def timed(ask: Callable[[Database, Bag], None], spent: dict[str, float]) -> Callable[[Database, Bag], None]:
    name = getattr(ask, "__name__", "").strip("_")

    def asking(database: Database, bag: Bag) -> None:
        began = time.monotonic()
        ask(database, bag)
        spent[name] += time.monotonic() - began

    return asking


def redis(url: str, seconds: int) -> None:
    with queue_client(RedisSection.model_validate({"url": url})) as client:
        queue, registry = JobQueue(client), WorkerRegistry(client)
        elements = [b'{"job_id": "j%d"}' % number for number in range(LIST + WORKERS)]
        for at in range(0, len(elements), 1000):
            client.lpush(queue.keys.ready, *elements[at : at + 1000])
        for number in range(WORKERS):
            registry.register(WorkerInfo(f"w{number}", "host", number, "bench", 1))
            queue.claim(f"w{number}/0", 1, f"token-{number}", 3600)
        meter, took = Meter(client), []
        meter.read()
        client.config_resetstat()
        for _ in range(seconds):
            began = time.monotonic()
            meter.read()
            took.append(time.monotonic() - began)
            time.sleep(1)
        calls = {name: stat for name, stat in client.info("commandstats").items() if "config" not in name}
    commands = sum(stat["calls"] for stat in calls.values())
    busy_us = sum(stat["usec"] for stat in calls.values())
    print(f"\nRedis, a list of {LIST:,} and {WORKERS} workers, {seconds} looks\n")
    print("| | a look |\n| --- | ---: |")
    print(f"| commands | {commands / seconds:.1f} |\n| of Redis' time, ms | {busy_us / seconds / 1000:.2f} |")
    print(f"| from question to answer, median, ms | {sorted(took)[len(took) // 2] * 1000:.1f} |")


if __name__ == "__main__":
    main()
