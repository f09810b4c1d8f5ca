"""Jobs as the backend makes them, a list that never runs empty, and what was judged in a span of time."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from benchmarks.worker import processes
from benchmarks.worker.stack import BUCKET, KEYS, Stack

USER = uuid.UUID(int=1)
# A job that lies half in the span counts for half of its photos: so batches of nine count as evenly as single photos.
JUDGED = """
SELECT coalesce(sum(cardinality(media_ids) * greatest(0, extract(epoch FROM
           least(settled_at, %(end)s) - greatest(claimed_at, %(start)s)))
           / greatest(extract(epoch FROM settled_at - claimed_at), 0.001)), 0)::float8
FROM lomi.jobs WHERE settled_at > %(start)s AND claimed_at < %(end)s
"""


@dataclass(frozen=True, slots=True)
class Span:
    """What happened between two moments."""

    photos: float
    wall_s: float
    cpu_s: dict[str, float]
    """Seconds on a core, by what took them."""
    others_s: float = 0.0
    """Seconds on a core that whoever else is on this machine took meanwhile."""

    @property
    def others(self) -> float:
        """The same as a number of cores."""
        return self.others_s / self.wall_s

    @property
    def per_min(self) -> float:
        return 60 * self.photos / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """Milliseconds on a core for one photo, all in all."""
        return 1000 * sum(self.cpu_s.values()) / max(self.photos, 1e-9)


def push(stack: Stack, batches: Sequence[Sequence[str]]) -> None:
    """One job for each batch of object keys: rows first, then the list, as the backend does it."""
    line_up(stack, uploaded(stack, batches))


def line_up(stack: Stack, jobs: Sequence[str]) -> None:
    """The one step of an upload that workers can see."""
    stack.redis.lpush(KEYS.ready, *jobs)


def uploaded(stack: Stack, batches: Sequence[Sequence[str]]) -> list[str]:
    """The elements of the jobs, whose rows are in the database."""
    rows: list[tuple[uuid.UUID, uuid.UUID, str, uuid.UUID, str]] = []
    jobs: list[str] = []
    for batch in batches:
        batch_id, refs = uuid.uuid4(), []
        for key in batch:
            media_id = uuid.uuid4()
            rows.append((media_id, USER, key, batch_id, "photo"))
            refs.append({"media_id": str(media_id), "r2_url": "", "r2_key": key, "bucket": BUCKET})
        jobs.append(json.dumps({
            "job_id": str(uuid.uuid4()), "batch_id": str(batch_id), "user_id": str(USER), "telegram_id": 1,
            "photos": refs, "created_at": datetime.now(UTC).isoformat(), "retry_count": 0, "priority": 1,
        }))  # fmt: skip
    # A connection of its own: the feeder is a thread.
    with psycopg.connect(stack.postgres.url, autocommit=True) as pg, pg.cursor() as cursor:
        cursor.execute("INSERT INTO users (id, telegram_id) VALUES (%s, 1) ON CONFLICT DO NOTHING", (USER,))
        with cursor.copy("COPY media (id, user_id, url, batch_id, media_type) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    return jobs


@contextmanager
def fed(stack: Stack, keys: Sequence[str], batch: int) -> Iterator[None]:
    """A list that never runs empty; afterwards nothing waits and nothing is in hand."""
    over, supply = threading.Event(), itertools.cycle(keys)
    at_once = max(8, 90 // batch)

    def run() -> None:
        while not over.is_set():
            if stack.redis.llen(KEYS.ready) < at_once:
                push(stack, [[next(supply) for _ in range(batch)] for _ in range(2 * at_once)])
            over.wait(0.1)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        stack.quiet()


def measured(stack: Stack, keys: Sequence[str], batch: int, seconds: float, settle_s: float = 1.5) -> Span:
    """What the workers judge in so many seconds with a full list."""
    with fed(stack, keys, batch):
        time.sleep(settle_s)
        before, busy_s, began, start = stack.cpu_s(), processes.busy_s(), time.monotonic(), datetime.now(UTC)
        time.sleep(seconds)
        after, busy_s, end = stack.cpu_s(), processes.busy_s() - busy_s, datetime.now(UTC)
        wall_s = time.monotonic() - began
    spent = {name: after[name] - before[name] for name in after}
    row = stack.pg.execute(JUDGED, {"start": start, "end": end}).fetchone()
    return Span(float(row[0]) if row else 0.0, wall_s, spent, max(0.0, busy_s - sum(spent.values())))
