"""No-op jobs per second: lomi beside four libraries, in interleaved rounds on one server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.queue.environments import HERE, RIVALS, ROOT, python_of
from benchmarks.queue.load import connect, fill, listening

PROCESSES = 2
CONCURRENCY = 5
"""Per process. RQ's SimpleWorker runs one job at a time, so it gets a process for each."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that takes jobs from a queue."""

    name: str
    fill: Callable[[int], None]
    command: Sequence[str | Path]
    processes: int = PROCESSES
    environment: dict[str, str] | None = None


def rate(contender: Contender, jobs: int) -> float:
    """Jobs per second from the first start to the last finish, the jobs being there beforehand."""
    contender.fill(jobs)
    processes = [
        subprocess.Popen(contender.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
                         env=contender.environment)
        for _ in range(contender.processes)
    ]  # fmt: skip
    for process in processes:
        if _line(process) != "ready":
            raise RuntimeError(f"{contender.name} did not start")
    for process in processes:
        print("go", file=process.stdin, flush=True)
    reports: list[dict[str, Any]] = [json.loads(_line(process)) for process in processes]
    for process in processes:
        process.communicate(timeout=60)
    ran = [report for report in reports if report["count"]]
    # Threads of one process may lose a count; most jobs missing means that the rate means nothing.
    if sum(report["count"] for report in ran) < 0.99 * jobs:
        raise RuntimeError(f"{contender.name} ran {sum(r['count'] for r in ran)} of {jobs} jobs")
    return jobs / (max(r["last"] for r in ran) - min(r["first"] for r in ran))


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rival(name: str, url: str) -> Contender:
    command = [python_of(name), HERE / "rivals" / f"{name}_worker.py", url]
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    single = name == "rq"

    def filled(jobs: int) -> None:
        subprocess.run([*command, "fill", str(jobs)], check=True, env=environment)

    width = PROCESSES * CONCURRENCY if single else PROCESSES
    return Contender(name, filled, [*command, "work", str(CONCURRENCY)], width, environment)


def lomi(name: str, kind: str, url: str, settings: dict[str, Any], filled: Callable[[int], None]) -> Contender:
    where = json.dumps({"redis": {"url": url}} | settings)
    command = [sys.executable, "-m", "benchmarks.queue.product", kind, str(CONCURRENCY), where]
    return Contender(name, filled, command)


def rounds(url: str, jobs: int, number: int, only: Sequence[str] = ()) -> dict[str, list[float]]:
    """Jobs per second of each contender, round by round."""
    client = connect(url)
    contenders = [lomi("lomi", "noop", url, {}, lambda n: fill(client, n))]
    contenders += [rival(name, url) for name in RIVALS]
    found: dict[str, list[float]] = {}
    for _ in range(number):
        for contender in contenders:
            if only and contender.name not in only:
                continue
            client.flushall()
            with listening(url):
                found.setdefault(contender.name, []).append(rate(contender, jobs))
            print(f"{contender.name}: {found[contender.name][-1]:,.0f} jobs/s", file=sys.stderr)
    client.close()
    return found


def ceiling(url: str, jobs: int) -> float:
    """LPUSH and RPOP without pipelines, as many connections as the others have jobs in hand; pops per second."""
    client = connect(url)
    client.flushall()
    fill(client, jobs, "bare")
    client.close()

    def loop() -> None:
        mine = connect(url)
        while (raw := mine.rpop("bare")) is not None:
            mine.lpush("done", raw)  # type: ignore[arg-type]
        mine.close()

    threads = [threading.Thread(target=loop) for _ in range(PROCESSES * CONCURRENCY)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return jobs / (time.monotonic() - begin)
