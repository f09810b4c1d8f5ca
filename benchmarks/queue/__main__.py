"""Speed and cost of the queue: `python -m benchmarks.queue`. Starts a server of its own; nothing else should run.

Only ratios within one run compare: the others share the machine and the server with us.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks.queue import cost, latency, recovery, throughput
from benchmarks.queue.environments import RIVALS, version_of
from benchmarks.queue.figures import Figure, middle, percentile, table
from benchmarks.queue.load import connect
from lomi_ops.db.bootstrap import prepare
from lomi_ops.queue.client import inspect
from tests.services import RedisServer, running_postgres, running_redis

BACKLOG = 100_000
HERD = 32
BARE = "two processes with one element in hand each, two round trips per element"


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement gets."""

    redis: RedisServer
    options: argparse.Namespace
    stack: ExitStack

    def postgres(self) -> str:
        url = self.stack.enter_context(running_postgres())
        prepare(url)
        return url


def jobs_per_second(bench: Bench) -> list[Figure]:
    jobs, rounds = bench.options.jobs, bench.options.rounds
    found = throughput.rounds(bench.redis.url, bench.postgres(), jobs, rounds)
    bare = throughput.bare(bench.redis.url, jobs)
    medians = {name: middle(rates) for name, rates in found.items()}
    fastest = max(value for name, value in medians.items() if not name.startswith("lomi"))
    spread = {name: f"{min(rates):,.0f} to {max(rates):,.0f}" for name, rates in found.items()}
    figures = [
        Figure("no-op jobs, lomi", medians["lomi"], "/s", "≥ the fastest", medians["lomi"] >= fastest, spread["lomi"]),
        Figure("lomi / the fastest of the others", medians["lomi"] / fastest, "x", "≥ 1", medians["lomi"] >= fastest),
    ]
    figures += [
        Figure(f"no-op jobs, {name}", value, "/s", note=spread[name])
        for name, value in medians.items()
        if name != "lomi"
    ]
    return [*figures, Figure("bare RPOP and LPUSH", bare, "/s", note=BARE)]


def enqueue_to_start(bench: Bench) -> list[Figure]:
    figures = []
    for processes, goal in ((1, 25.0), (HERD, 30.0)):
        found = [1000 * s for s in latency.idle(bench.redis.url, bench.options.pushes, processes)]
        who = "one idle worker" if processes == 1 else f"{processes} idle worker processes"
        p99 = percentile(found, 0.99)
        figures.append(Figure(f"push to start, {who}, p50", percentile(found, 0.5), "ms"))
        figures.append(
            Figure(f"push to start, {who}, p99", p99, "ms", f"≤ {goal:g} ms", p99 <= goal, f"{len(found)} pushes")
        )
    return figures


def after_sigkill(bench: Bench) -> list[Figure]:
    found: list[float] = []
    for _ in range(bench.options.waves):
        found += recovery.after_sigkill(bench.redis.url, bench.options.trials)
    p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
    note = f"{len(found)} jobs; longest {max(found):.1f} s"
    return [
        Figure("SIGKILL to the next start of the job, p50", p50, "s", "≤ 12 s", p50 <= 12),
        Figure("SIGKILL to the next start of the job, p99", p99, "s", "≤ 20 s", p99 <= 20, note),
    ]


def after_restart(bench: Bench) -> list[Figure]:
    found = recovery.after_restart(bench.redis, bench.options.restarts)
    away = ", ".join(f"{seconds:g}" for seconds in recovery.AWAY_S)
    note = f"longest of {len(found)}; the server was away for {away} s in turn"
    return [
        Figure("first PONG of a restarted Redis to the first claim", max(found), "s", "≤ 2 s", max(found) <= 2, note)
    ]


def idle_cost(bench: Bench) -> list[Figure]:
    total, by_name = cost.idle_commands(bench.redis.url, bench.options.seconds)
    note = "MONITOR without what scripts call: " + ", ".join(f"{name} {rate:.2f}" for name, rate in by_name.items())
    return [Figure("commands of an idle worker process", total, "/s", "≤ 2 /s", total <= 2, note)]


def backlog(bench: Bench) -> list[Figure]:
    deep, flat = latency.claims(bench.redis.url, bench.options.claims, BACKLOG)
    figures = []
    for share in (0.5, 0.99):
        ratio = percentile(deep, share) / percentile(flat, share)
        note = f"{1e6 * percentile(deep, share):,.0f} µs against {1e6 * percentile(flat, share):,.0f} µs"
        what = f"claim over {BACKLOG:,} elements / over one, p{100 * share:g}"
        figures.append(Figure(what, ratio, "x", "≤ 2 x", ratio <= 2, note))
    return figures


MEASUREMENTS: dict[str, Callable[[Bench], Sequence[Figure]]] = {
    "cost": idle_cost,
    "idle": enqueue_to_start,
    "backlog": backlog,
    "throughput": jobs_per_second,
    "restart": after_restart,
    "recovery": after_sigkill,
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="benchmarks.queue", description=__doc__)
    made.add_argument("--only", choices=MEASUREMENTS, action="append", help="this one; may be said again")
    made.add_argument("--jobs", type=int, default=5000, help="of each contender and round")
    made.add_argument("--rounds", type=int, default=5, help="of throughput")
    made.add_argument("--pushes", type=int, default=500, help="to idle workers")
    made.add_argument("--claims", type=int, default=1000, help="over the long list and the short one")
    made.add_argument("--trials", type=int, default=50, help="jobs in hand when a process is killed")
    made.add_argument("--waves", type=int, default=2, help="kills")
    made.add_argument("--restarts", type=int, default=6, help="of Redis")
    made.add_argument("--seconds", type=float, default=32.0, help="of watching an idle worker")
    made.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return made


def machine(server: RedisServer) -> dict[str, str]:
    """What the figures depend on, and nothing that names the place."""
    client = connect(server.url)
    found = inspect(client)
    client.close()
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        found.name: found.version,
        **{name: version_of(name) for name in RIVALS},
    }


def main() -> None:
    options = parser().parse_args()
    figures: list[Figure] = []
    with ExitStack() as stack:
        server = stack.enter_context(running_redis())
        about = machine(server)
        for name, measure in MEASUREMENTS.items():
            if not options.only or name in options.only:
                print(f"{name} …", file=sys.stderr)
                figures += measure(Bench(server, options, stack))
    if options.output == "json":
        print(json.dumps({"machine": about, "figures": [asdict(figure) for figure in figures]}, indent=2))
    else:
        print(", ".join(f"{name} {value}" for name, value in about.items()))
        print()
        print(table(figures))


if __name__ == "__main__":
    main()
