"""No-op jobs per second: lomi beside four libraries, in interleaved rounds on one server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.queue.environments import HERE, RIVALS, python_of
from benchmarks.queue.load import connect, fill, listening, photos_pushed
from benchmarks.queue.process import Process
from benchmarks.queue.product import Plan

PROCESSES = 2
CONCURRENCY = 5
"""Per process. RQ's SimpleWorker runs one job at a time, so it gets a process for each."""
QUIET_S = 1.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that takes jobs from a queue."""

    name: str
    fill: Callable[[int], None]
    command: Sequence[str | Path]
    processes: int = PROCESSES
    environment: dict[str, str] | None = None


def rate(contender: Contender, jobs: int) -> float:
    """Jobs per second from the first start to the last, the jobs being there beforehand."""
    contender.fill(jobs)
    processes = [Process(contender.command, contender.environment) for _ in range(contender.processes)]
    for process in processes:
        process.ready()
    for process in processes:
        process.say("go")
    reports = [process.report() for process in processes]
    ran = [report for report in reports if report["count"]]
    total = sum(report["count"] for report in ran)
    # Threads of one process may lose a count. With jobs missing the rate means nothing.
    if not 0.99 * jobs <= total <= jobs:
        raise RuntimeError(f"{contender.name} ran {total} of {jobs} jobs")
    return float(jobs / (max(r["last"] for r in ran) - min(r["first"] for r in ran)))


def rival(name: str, url: str) -> Contender:
    command: list[str | Path] = [python_of(name), HERE / "rivals" / f"{name}_worker.py", url]
    environment = os.environ | {"PYTHONPATH": str(HERE)}

    def filled(jobs: int) -> None:
        subprocess.run([*command, "fill", str(jobs)], check=True, env=environment)

    width = PROCESSES * CONCURRENCY if name == "rq" else PROCESSES
    return Contender(name, filled, [*command, "work", str(CONCURRENCY)], width, environment)


def alone(contender: Contender) -> Contender:
    """In one process, with all the concurrency: what suits a library whose processes get in each other's way."""
    command = [*contender.command[:-1], str(PROCESSES * CONCURRENCY)]
    return replace(contender, name=f"{contender.name}, one process", command=command, processes=1)


def lomi(name: str, plan: Plan, filled: Callable[[int], None]) -> Contender:
    command = [sys.executable, "-m", "benchmarks.queue.product", plan.dump()]
    return Contender(name, filled, command)


def rounds(redis_url: str, database_url: str, jobs: int, number: int) -> dict[str, list[float]]:
    """Jobs per second of each contender, round by round."""
    client = connect(redis_url)
    plan = Plan("noop", redis_url, slots=CONCURRENCY, quiet_s=QUIET_S)
    contenders = [
        lomi("lomi", plan, partial(fill, client)),
        *(rival(name, redis_url) for name in RIVALS),
        alone(rival("arq", redis_url)),
    ]
    if database_url:
        with_ledger = replace(plan, kind="ledger", database_url=database_url)
        contenders.append(lomi("lomi with the ledger", with_ledger, partial(photos_pushed, client, database_url)))
    found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(number):
        for contender in contenders:
            client.flushall()
            with listening(redis_url):
                found[contender.name].append(rate(contender, jobs))
            print(f"round {turn + 1}: {contender.name} {found[contender.name][-1]:,.0f} jobs/s", file=sys.stderr)
    client.close()
    return found


def bare(url: str, jobs: int) -> float:
    """Elements per second through a bare LPUSH and RPOP without pipelines, over as many connections as processes."""
    client = connect(url)
    client.flushall()
    fill(client, jobs, "bare")
    client.close()
    command = [sys.executable, "-m", "benchmarks.queue.bare", url]
    processes = [Process(command) for _ in range(PROCESSES)]
    for process in processes:
        process.ready()
    for process in processes:
        process.say("go")
    reports = [process.report() for process in processes]
    return float(jobs / (max(r["last"] for r in reports) - min(r["first"] for r in reports)))
