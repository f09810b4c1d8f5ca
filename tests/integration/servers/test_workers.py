"""Real workers, through a failover and through a Redis that comes back empty."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lomi_ops.db.pool import Database
from lomi_ops.ops.reconcile.outcome import Order
from lomi_ops.ops.reconcile.run import Handles, reconcile
from lomi_ops.queue.jobs import JobQueue
from tests.integration.servers.farm import PASSWORD, Kind
from tests.integration.servers.life import admin
from tests.integration.servers.rights import until
from tests.integration.servers.test_failover import SENTINEL_PASSWORD, SERVICE, Pair, watched
from tests.integration.worker.conftest import (  # noqa: F401
    BUCKET,
    Bench,
    Cluster,
    Store,
    bench,
    cluster,
    database_url,
    make_bench,
    portrait,
    shared_process,
    weights,
)

UPLOADS = 40


@contextmanager
def workers(pair: Pair, database: str, folder: Path, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """`lomi worker` processes that know the Sentinels and nothing else of Redis; logs in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOMI_", "REDIS_", "DB_", "S3_"))}
    environ = kept | {
        "LOMI_REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in pair.sentinels),
        "LOMI_REDIS__SENTINEL_SERVICE": SERVICE,
        "LOMI_REDIS__SENTINEL_PASSWORD": SENTINEL_PASSWORD,
        "REDIS_PASSWORD": PASSWORD,
        "LOMI_DATABASE_URL": database,
        "LOMI_OBJECTS": str(folder / "objects"),
        "LOMI_POLICY": "local",
    }
    started = []
    for number in range(count):
        with (folder / f"worker-{number}.log").open("wb") as log:
            command = [
                sys.executable,
                "-m",
                "lomi_ops",
                "worker",
                "--health-file",
                str(folder / f"health-{number}.json"),
            ]
            started.append(subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=folder))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait(20)


def told(folder: Path, number: int) -> str:
    return (folder / f"worker-{number}.log").read_text()


def test_lomi_workers_outlive_their_primary_and_every_photo_is_decided_once(
    database_url: str,  # noqa: F811
    weights: None,  # noqa: F811
    portrait: bytes,  # noqa: F811
    tmp_path: Path,
) -> None:
    with (
        watched(Kind.REDIS_7) as pair,
        psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as pg,
        admin(pair.primary) as old,
        admin(pair.replica) as new,
        workers(pair, database_url, tmp_path, 2) as processes,
    ):
        store = Store(tmp_path / "objects")
        store.ensure_bucket(BUCKET)
        before, after = (Cluster("", database_url, store, client, pg, None) for client in (old, new))
        for number in range(2):
            until(lambda number=number: "NSFW model loaded" in told(tmp_path, number), 60)  # type: ignore[misc]
        uploads = [before.upload([portrait]) for _ in range(UPLOADS)]
        for upload in uploads[: UPLOADS // 2]:
            before.push(upload)
        until(lambda: new.llen("photo_moderation_queue") + decided(pg) > UPLOADS // 4 and decided(pg) > 2, 60)
        pair.primary.stop(signal.SIGKILL)
        until(lambda: new.info("replication")["role"] == "master", 60)
        for upload in uploads[UPLOADS // 2 :]:
            after.push(upload)
        until(lambda: decided(pg) == UPLOADS, 100)
        queue = JobQueue(new)
        until(lambda: queue.stats().running == 0, 60)

        assert Counter(status for upload in uploads for status, _ in after.standing(upload)) == {"approved": UPLOADS}
        settled = pg.execute("SELECT attempt, count(*) AS number FROM lomi.jobs GROUP BY attempt").fetchall()
        assert settled == [{"attempt": 1, "number": UPLOADS}]
        found = queue.stats()
        assert (found.ready, found.high, found.delayed, found.dead) == (0, 0, 0, 0)
        assert "reaped" not in found.counters
        assert all("_bug" not in told(tmp_path, number) for number in range(2))
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in processes] == [0, 0]


def decided(pg: psycopg.Connection[dict[str, Any]]) -> int:
    row = pg.execute("SELECT count(*) AS number FROM media WHERE moderation_status = 'approved'").fetchone()
    assert row is not None
    return int(row["number"])


def test_a_job_whose_redis_comes_back_empty_is_dropped_and_reconcile_brings_its_photos_back(
    bench: Bench,  # noqa: F811
    cluster: Cluster,  # noqa: F811
    portrait: bytes,  # noqa: F811
) -> None:
    upload, waiting = cluster.upload([portrait]), cluster.upload([portrait])
    cluster.push(waiting)

    def wiped() -> None:
        cluster.store.meanwhile = lambda: None
        cluster.redis.flushall()
        bench.beat()

    cluster.store.meanwhile = wiped
    cluster.redis.rpush("photo_moderation_queue", upload.raw)
    bench.slot.step()

    assert cluster.standing(upload) == cluster.standing(waiting) == [("pending", None)]
    assert cluster.messages() == []
    assert bench.queue.stats().waiting == bench.queue.stats().running == 0

    bring_back(bench, cluster)
    for _ in range(2):
        bench.slot.step()

    assert cluster.standing(upload) == cluster.standing(waiting) == [("approved", None)]
    heard = [photo["media_id"] for message in cluster.messages() for photo in message["results"]]
    assert sorted(heard) == sorted(str(media) for each in (upload, waiting) for media in each.media)


def test_a_job_that_was_settled_when_redis_came_back_empty_is_not_published_by_a_late_finish(
    bench: Bench,  # noqa: F811
    cluster: Cluster,  # noqa: F811
    portrait: bytes,  # noqa: F811
) -> None:
    """The backend may have missed it: its row says the decision all the same, for the transaction had written it."""
    upload = cluster.upload([portrait])
    advance = bench.queue.advance

    def wiped_just_before(*args: Any) -> Any:
        cluster.redis.flushall()
        return advance(*args)

    bench.queue.advance = wiped_just_before  # type: ignore[method-assign]
    bench.moderate(upload)
    bring_back(bench, cluster)
    bench.slot.step()

    assert cluster.standing(upload) == [("approved", None)]
    assert cluster.messages() == []


def bring_back(made: Bench, on: Cluster) -> None:
    with Database(on.database_url, application="test") as database:
        handles = Handles(database, made.queue, on.redis, BUCKET, lambda key: f"https://files.example/{key}")
        reconcile(handles, Order("ada", datetime.now(UTC), older_than_s=0.0))
