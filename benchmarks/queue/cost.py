"""What an idle worker process asks of Redis."""

from __future__ import annotations

import time

import redis

from benchmarks.queue.load import connect
from benchmarks.queue.process import Process
from benchmarks.queue.product import Plan

WARM_S = 3.0


def idle_commands(url: str, seconds: float, processes: int = 1) -> tuple[float, dict[str, float]]:
    """Commands per second and process, as MONITOR shows them without those inside of scripts; and by name."""
    connect(url).flushall()
    workers = [Process.of(Plan("noop", url, slots=2)) for _ in range(processes)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.say("go")
    time.sleep(WARM_S)
    counts: dict[str, int] = {}
    client = redis.Redis.from_url(url, socket_timeout=20)
    begin = time.monotonic()
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]
        while time.monotonic() - begin < seconds:
            seen = monitor.next_command()  # there is one within a few seconds: the beat at the latest
            if seen["client_type"] != "lua":
                name = str(seen["command"]).split()[0].upper()
                counts[name] = counts.get(name, 0) + 1
    elapsed = time.monotonic() - begin
    client.close()
    for worker in workers:
        worker.kill()
    rates = {name: number / elapsed / processes for name, number in sorted(counts.items())}
    return sum(rates.values()), rates
