"""How well do worker processes share the quota of an upstream that answers 429?

    .venv/bin/python -m benchmarks.throttle [--rate 50] [--burst 50] [--workers 3] [--slots 3] [--seconds 120]

The workers are the real program on real servers; only what a photo shows is written in it (tests/chaos/stub_worker.py),
so that a slot could judge hundreds of photos a second. CompreFace is the double with a token bucket: `--rate` calls per
second, `--burst` at once, else 429 with `Retry-After: 1`. Prints Markdown: the share of calls that were refused and the
share of the quota that was used, by tens of seconds; and, when everything is judged, the attempts and what was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from lomi_ops.db.bootstrap import prepare
from lomi_ops.queue.keys import RESULTS_CHANNEL, Keys
from tests.chaos.stub_worker import photo
from tests.doubles.compreface import CompreFaceDouble, Quota
from tests.services import open_folder, running_postgres, running_redis

KEYS = Keys()
BUCKET, OBJECT = "lomi-photos", "users/everybody/photo/good.jpg"
WARM_UP_S = 30
SLICE_S = 10
LIMIT_S = 300


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=50.0, help="calls per second")
    parser.add_argument("--burst", type=float, default=50.0, help="calls at once")
    parser.add_argument("--workers", type=int, default=3, help="processes")
    parser.add_argument("--slots", type=int, default=3, help="jobs at once in each")
    parser.add_argument("--seconds", type=int, default=120, help="measured, after a warm-up")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def upload(database_url: str, client: redis.Redis, photos: int, seed: int) -> int:
    """Batches of 1 to 9 photos, as the backend leaves them behind; how many."""
    chance = random.Random(seed)
    jobs: list[bytes] = []
    users: list[tuple[uuid.UUID, int]] = []
    rows: list[tuple[uuid.UUID, uuid.UUID, uuid.UUID, str, str]] = []
    while len(rows) < photos:
        user, batch = uuid.uuid4(), uuid.uuid4()
        users.append((user, chance.getrandbits(60)))
        media = [uuid.uuid4() for _ in range(chance.randint(1, 9))]
        rows += [(each, user, batch, OBJECT, "photo") for each in media]
        refs = [{"media_id": str(each), "r2_url": "", "r2_key": OBJECT, "bucket": BUCKET} for each in media]
        job = {"job_id": str(uuid.uuid4()), "batch_id": str(batch), "user_id": str(user), "telegram_id": 1}
        jobs.append(json.dumps(job | {"photos": refs, "created_at": "2026-11-20T10:00:00Z", "priority": 1}).encode())
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY users (id, telegram_id, name) FROM STDIN") as copy:
            for user, telegram in users:
                copy.write_row((user, telegram, "A"))
        with cursor.copy("COPY media (id, user_id, batch_id, url, media_type) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    for start in range(0, len(jobs), 500):
        client.lpush(KEYS.ready, *jobs[start : start + 500])
    return len(jobs)


@contextmanager
def workers(number: int, environment: dict[str, str], folder: Path) -> Iterator[None]:
    processes = []
    try:
        for place in range(number):
            settings = environment | {"LOMI_WORKER__HEALTH_FILE": str(folder / f"{place}.health")}
            with (folder / f"{place}.log").open("wb") as log:
                command = [sys.executable, "-m", "tests.chaos.stub_worker", "worker"]
                processes.append(subprocess.Popen(command, env=settings, stdout=log, stderr=log))
        yield
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(60)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def measure(quota: Quota, seconds: int) -> list[tuple[float, int, int]]:
    """Length, served and refused of each slice."""
    slices = []
    for _ in range(seconds // SLICE_S):
        begun, served, refused = time.monotonic(), quota.served, quota.refused
        time.sleep(SLICE_S)
        slices.append((time.monotonic() - begun, quota.served - served, quota.refused - refused))
    return slices


def settle(client: redis.Redis) -> None:
    """Waits until nothing waits or runs."""
    deadline = time.monotonic() + LIMIT_S
    while client.llen(KEYS.ready) or client.zcard(KEYS.delayed) or client.zcard(KEYS.lease):
        if time.monotonic() > deadline:
            raise TimeoutError("the queue does not become empty")
        time.sleep(0.2)


def audit(client: Any, database_url: str, jobs: int, ear: Any) -> list[tuple[str, Any]]:
    records = [client.hmget(key, "state", "attempt", "setbacks") for key in client.scan_iter(KEYS.job_prefix + "*")]
    heard: Counter[str] = Counter()
    while (message := ear.get_message(ignore_subscribe_messages=True, timeout=0.2)) is not None:
        heard[json.loads(message["data"])["batch_id"]] += 1
    with psycopg.connect(database_url) as connection:
        standing = connection.execute("SELECT moderation_status, count(*) FROM media GROUP BY 1").fetchall()
    return [
        ("jobs pushed", jobs),
        ("jobs done", sum(state == b"done" for state, _, _ in records)),
        ("most attempts of a job", max(int(attempt) for _, attempt, _ in records)),
        ("setbacks (refunded)", sum(int(setbacks or 0) for _, _, setbacks in records)),
        ("dead letters", client.zcard(KEYS.dead)),
        ("batches published more than once", sum(times > 1 for times in heard.values())),
        ("batches published", len(heard)),
        ("photos by status", ", ".join(f"{count} {status}" for status, count in standing)),
    ]


def row(name: str, length: float, served: int, refused: int, rate: float) -> None:
    per_s, share = served / length, refused / max(1, served + refused)
    print(f"| {name} | {per_s:.1f} | {per_s / rate:.1%} | {share:.2%} |")


def main() -> None:
    options = arguments()
    with ExitStack() as stack:
        server = stack.enter_context(running_redis())
        database_url = stack.enter_context(running_postgres())
        folder = stack.enter_context(open_folder("lomi-throttle-"))
        quota = Quota(options.rate, options.burst)
        double = stack.enter_context(CompreFaceDouble(workers=16, quota=quota))
        prepare(database_url)
        objects = folder / "objects" / BUCKET / OBJECT
        objects.parent.mkdir(parents=True)
        objects.write_bytes(photo("good", 1))
        client = redis.Redis.from_url(server.url)
        ear = client.pubsub()  # type: ignore[no-untyped-call]
        ear.subscribe(RESULTS_CHANNEL)
        ear.get_message(timeout=5)
        jobs = upload(database_url, client, int(options.rate * (WARM_UP_S + options.seconds) * 1.3), options.seed)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOMI_", "REDIS_", "DB_"))}
        environment = kept | {
            "LOMI_REDIS_URL": server.url,
            "LOMI_DATABASE_URL": database_url,
            "LOMI_OBJECTS": str(folder / "objects"),
            "LOMI_COMPREFACE_URL": double.url,
            "LOMI_COMPREFACE__CONCURRENCY": "4",
            "LOMI_POLICY": "default",
            "LOMI_WORKER__SLOTS": str(options.slots),
            "LOMI_LOG__FORMAT": "json",
            "LOMI_LOG__SAMPLE_SUCCESS": "0",
        }
        with workers(options.workers, environment, folder):
            while not quota.served:
                time.sleep(0.1)
            time.sleep(WARM_UP_S)
            slices = measure(quota, options.seconds)
            waiting = client.llen(KEYS.ready)
            quota.per_s = quota.burst = 1e9
            settle(client)
        print(
            f"{options.workers} workers of {options.slots} slots before {options.rate:g} calls/s, "
            f"{options.burst:g} at once; {waiting} jobs were waiting at the end.\n"
        )
        print("| seconds | served/s | quota used | refused |\n| --- | --- | --- | --- |")
        for number, (length, served, refused) in enumerate(slices):
            share = refused / max(1, served + refused)
            print(
                f"| {number * SLICE_S} | {served / length:.1f} | {served / length / options.rate:.1%} | {share:.2%} |"
            )
        length, served, refused = (sum(numbers) for numbers in zip(*slices, strict=True))
        print(
            f"| all {length:.0f} | {served / length:.1f} | {served / length / options.rate:.1%} "
            f"| {refused / (served + refused):.2%} |\n"
        )
        for name, value in audit(client, database_url, jobs, ear):
            print(f"- {name}: {value}")


if __name__ == "__main__":
    main()
