"""How long do a sweep, a simulation and a verification take over a million decisions?

    .venv/bin/python -m benchmarks.policy [--rows 1000000]

The sweep is of columns that lie in memory, beside what numpy alone needs to sort one of them and to add up one
cumulative sum for each outcome and side: there is no quicker way to count at every place. The other two read a decision
log of a Postgres of their own through a cursor; beside them the same rows read and not judged.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np

from benchmarks.policy.rows import START, filled
from lomi_ops.config.schema import Settings
from lomi_ops.db import reporting
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain.replay import Replay
from lomi_ops.domain.window import Window
from lomi_ops.ops.policies import sweep
from lomi_ops.ops.policies.simulate import simulated
from lomi_ops.ops.policies.verify import verified
from tests.services import running_postgres

POLICY = Settings().active_policy("default")
TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only-sweep", action="store_true")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, {chosen.rows:,} decisions, load average {os.getloadavg()[0]:.1f}\n")
    print("| what | time | beside it | ratio |\n| --- | --- | --- | --- |")
    _sweep(chosen.rows)
    if not chosen.only_sweep:
        with running_postgres() as url:
            _log(url, chosen.rows)
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _sweep(rows: int) -> None:
    chance = np.random.default_rng(1)
    values = np.minimum(1.0, chance.exponential(1 / 12, rows))
    off = chance.choice(np.array([0, 1, 2], np.int8), rows, p=[0.8, 0.1, 0.1])
    on = np.maximum(off, np.int8(2))
    line, points = sweep.parse("nsfw.porn.reject_at")

    def bare() -> None:
        order = np.argsort(values)
        below, above = off[order], on[order]
        for code in range(3):
            np.cumsum(below == code)
            np.cumsum(above == code)

    ours = _median(lambda: sweep.counts(values, off, on, np.asarray(points), line))
    theirs = _median(bare)
    _row(f"sweep, {len(points)} places", ours, f"numpy alone, {theirs:.3f} s", ours / theirs)


def _log(url: str, rows: int) -> None:
    prepare(url)
    filled(url, rows, POLICY)
    window = Window(START, START + timedelta(seconds=3 * rows))
    with Database(url, application="benchmark", statement_timeout_s=600) as db:
        began = time.monotonic()
        with reporting.reading(db) as session:
            everything = {"start": None, "end": None, "first": 1, "last": rows}
            count = sum(1 for _ in session.stream(lambda **row: row, "replay_all", **everything))
        read = time.monotonic() - began
        assert count == rows
        began = time.monotonic()
        found = verified(db, None, 50)
        took = time.monotonic() - began
        assert found.tally.counts[Replay.SAME] == rows, found.tally.counts
        _row("verify", took, f"reading the rows, {read:.1f} s", took / read)
        began = time.monotonic()
        done = simulated(db, POLICY, window, 50, sweep.parse("nsfw.porn.reject_at"))
        took = time.monotonic() - began
        assert done.sums.photos == rows
        _row("simulate, with a sweep", took, f"reading the rows, {read:.1f} s", took / read)


def _median(call: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        began = time.monotonic()
        call()
        times.append(time.monotonic() - began)
    return statistics.median(times)


def _row(what: str, took: float, beside: str, ratio: float) -> None:
    print(f"| {what} | {took:.3f} s | {beside} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
