"""How long from the push of a job until its result is published: idle, and with part of the capacity in use."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import redis

from benchmarks.queue.figures import Figure, percentile
from benchmarks.worker.ceiling import Loops
from benchmarks.worker.load import line_up, push, uploaded
from benchmarks.worker.results import Sample, judged, shown
from benchmarks.worker.stack import KEYS, Stack
from lomi_ops.queue.keys import RESULTS_CHANNEL

LIMIT_S = 60.0
PAUSE_S = 0.3
"""Between two idle jobs, so that nothing of the last one is still under way."""
TOOK = """
SELECT extract(epoch FROM settled_at - opened.at)::float8
FROM lomi.jobs JOIN (SELECT DISTINCT batch_id, created_at AS at FROM media WHERE created_at >= %s) AS opened
USING (batch_id) WHERE settled_at IS NOT NULL
"""


@contextmanager
def listening(stack: Stack) -> Iterator[redis.client.PubSub]:
    """To what the backend hears."""
    ear = stack.redis.pubsub()  # type: ignore[no-untyped-call]
    ear.subscribe(RESULTS_CHANNEL)
    ear.get_message(timeout=5)
    try:
        yield ear
    finally:
        ear.close()


def idle(stack: Stack, keys: Sequence[str], batch: int, times: int) -> Sample:
    """Milliseconds from the push to the message, one job at a time."""
    took = []
    with listening(stack) as ear:
        for turn in range(times + 2):
            chosen = [keys[(turn * batch + place) % len(keys)] for place in range(batch)]
            jobs = uploaded(stack, [chosen])
            time.sleep(PAUSE_S)
            began = time.monotonic()
            line_up(stack, jobs)
            if ear.get_message(ignore_subscribe_messages=True, timeout=LIMIT_S) is None:
                raise SystemExit("no result came")
            took.append(1000 * (time.monotonic() - began))
    return Sample(tuple(took[2:]))


def idle_figures(stack: Stack, loops: Loops, keys: Sequence[str], times: int) -> list[Figure]:
    """One photo beside the bare loop's time for one, and nine in one batch. Loop and worker take turns."""
    bare: list[float] = []
    rested: list[float] = []
    one: list[float] = []
    others: list[float] = []
    for _ in range(max(1, times // 5)):
        span, _ = loops.run(1.5)
        bare.append(1000 * span.wall_s * len(loops.processes) / span.photos)
        others.append(span.others)
        rested += [_one_after_a_pause(loops) for _ in range(5)]
        one += idle(stack, keys, 1, 5).values
    nine = idle(stack, keys, 9, times)
    bare_ms, rested_ms, one_ms = Sample(tuple(bare)), Sample(tuple(rested)), Sample(tuple(one))
    beyond, taken = one_ms.middle - bare_ms.middle, Sample(tuple(others)).middle
    made = [
        Figure("one photo, bare loop", bare_ms.middle, "ms", note=bare_ms.spread),
        Figure("one photo, bare loop after a pause", rested_ms.middle, "ms", note=rested_ms.spread),
        Figure("one idle photo, push to message", one_ms.middle, "ms", note=one_ms.spread),
        Figure("one idle photo, more than the bare loop", beyond, "ms", "≤ 20 ms", beyond <= 20),
        Figure("nine idle photos in one batch, p50", nine.middle, "ms", "< 1,000 ms", nine.middle < 1000, nine.spread),
    ]
    return [judged(figure, taken) for figure in made]


def _one_after_a_pause(loops: Loops) -> float:
    """Milliseconds: what has rested as long as an idle worker pays for cold caches, too."""
    time.sleep(PAUSE_S)
    span, _ = loops.run(0)
    return 1000 * span.wall_s


def loaded(stack: Stack, keys: Sequence[str], batch: int, per_s: float, seconds: float, seed: int = 1) -> Sample:
    """Seconds from the upload of a batch until it is settled, while so many photos a second come in at random."""
    chance, began = random.Random(seed), datetime.now(UTC)
    over = threading.Event()

    def run() -> None:
        due = time.monotonic()
        while not over.is_set():
            due += chance.expovariate(per_s / batch)
            if over.wait(max(0.0, due - time.monotonic())):
                return
            push(stack, [[chance.choice(keys) for _ in range(batch)]])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(seconds)
    over.set()
    thread.join()
    _drained(stack)
    with psycopg.connect(stack.postgres.url) as pg:
        return Sample(tuple(row[0] for row in pg.execute(TOOK, (began,)).fetchall()))


def _drained(stack: Stack) -> None:
    deadline = time.monotonic() + LIMIT_S
    while stack.redis.llen(KEYS.ready) or stack.redis.zcard(KEYS.lease):
        if time.monotonic() > deadline:
            raise SystemExit("jobs do not end")
        time.sleep(0.05)


def loaded_figures(what: str, took: Sample, share: float, limit_s: float) -> list[Figure]:
    """Percentiles of `loaded`; the goal is on the one of `share`."""
    made = []
    for each in (0.5, 0.95, 0.99):
        value, asked = percentile(took.values, each), each == share
        goal, meets = (f"≤ {limit_s:g} s", value <= limit_s) if asked else ("", None)
        made.append(Figure(f"{what}, p{100 * each:g}", value, "s", goal, meets, f"{len(took.values)} batches"))
    print(f"  {what}: {shown(took.middle)} s", file=sys.stderr)
    return made
