"""What acting on a million jobs costs Redis: the longest that any single command keeps it busy.

    python -m benchmarks.queue.bulk                      # 1,000,000 dead letters, 1,000,000 waiting elements
    python -m benchmarks.queue.bulk --entries 100000 --only waiting

Redis is real, with the append-only file. Everything is done by the code behind `lomi queue retry|delete|cancel|undo`:
the look that counts, the plan, the steps, the undo. Redis itself measures each command (SLOWLOG), so waiting for a
processor on a busy machine is in the figures, and a command that is slow by itself shows at every run. The goal: 5 ms.

What the machine adds is measured in the same run: after each phase of steps come as many scripts that touch no key and
burn as much processor time as a step of that phase took on average. How many of those take more than 5 ms is what
nobody's code can be below here.
"""

from __future__ import annotations

import argparse
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.job_filter import parse
from lomi_ops.ops import operations as use
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.operations import Operations, OperationState, Order, Verb
from tests.integration.queue.producer import element
from tests.services import running_redis

AT_ONCE = 1000
SLOWER_THAN_US = 1000
GOAL_US = 5000
REST_S = 20.0
"""After filling. Ten seconds later the allocator gives back what the filling had used, which stalls the server, too."""
OURS = frozenset({"INFO", "SLOWLOG", "CONFIG"})
"""What the measuring itself asks."""
BURN = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i % 7 end return n"
"""A script that touches no key."""
BURNS = 1000
"""Calls by which the length of a burn is found."""


@dataclass(frozen=True)
class Row:
    """One phase."""

    name: str
    seconds: float
    commands: int
    slow: list[tuple[int, str]]
    """Microseconds and name of every command that took more than a millisecond."""

    @property
    def longest(self) -> str:
        return f"{max(self.slow)[0] / 1000:.1f} ms, {max(self.slow)[1]}" if self.slow else "< 1 ms"

    @property
    def over(self) -> int:
        return sum(took > GOAL_US for took, _ in self.slow)


class Bench:
    def __init__(self, url: str) -> None:
        self.client: Any = queue_client(RedisSection.model_validate({"url": url, "timeout_s": 60}))
        self.keys = Keys()
        self.average_us = 0.0
        self.operations = Operations(self.client)
        self.client.config_set("slowlog-log-slower-than", SLOWER_THAN_US)
        self.client.config_set("slowlog-max-len", 1_000_000)

    def phase(self, name: str, step: Callable[[], Any]) -> Any:
        self.client.config_resetstat()
        self.client.slowlog_reset()
        before, started = self.client.info("stats")["total_commands_processed"], time.monotonic()
        found = step()
        seconds = time.monotonic() - started
        self.average_us = self._average_us()
        commands = self.client.info("stats")["total_commands_processed"] - before
        slow = [
            (each["duration"], each["command"].split(b" ")[0].decode()) for each in self.client.slowlog_get(100_000)
        ]
        row = Row(name, seconds, commands, [each for each in slow if each[1] not in OURS])
        print(f"{row.name:<40} {row.seconds:>8.1f} {row.commands:>11,}  {row.over:>6}  {row.longest}", flush=True)
        return found

    def _average_us(self) -> float:
        """What a script took since the statistics were reset; 0 where none ran."""
        known = self.client.info("commandstats").get("cmdstat_evalsha", {"usec_per_call": 0.0})
        return float(known["usec_per_call"])

    def control(self, calls: int) -> None:
        """As many scripts as the last phase had, each as long as its average."""
        wanted_us, burn = self.average_us, self.client.register_script(BURN)
        self.client.config_resetstat()
        for _ in range(BURNS):
            burn(args=[BURNS])
        turns = max(1, round(BURNS * wanted_us / self._average_us()))
        self.phase(
            f"  control: {calls:,} x {wanted_us / 1000:.2f} ms", lambda: [burn(args=[turns]) for _ in range(calls)]
        )

    def bury(self, number: int) -> None:
        """Dead letters as `fail` leaves them, written straight into Redis."""
        for at in range(0, number, AT_ONCE):
            with self.client.pipeline(transaction=False) as pipe:
                for each in range(at, min(number, at + AT_ONCE)):
                    name = str(uuid.UUID(int=each))
                    record = {
                        "raw": element(job_id=name), "state": "dead", "attempt": 3, "crashes": 0,
                        "dead_ms": 1000 + each, "first_seen_ms": each, "error_class": "transient",
                        "error_code": "compreface_failed",
                        "error": "the read timed out", "slot": f"{each % 7}/0", "sha": "0" * 40,
                    }  # fmt: skip
                    pipe.hset(self.keys.job(name), mapping=record)
                    pipe.zadd(self.keys.dead, {name: 1000 + each})
                pipe.execute()

    def push(self, number: int) -> None:
        for at in range(0, number, AT_ONCE):
            self.client.lpush(self.keys.ready, *(element() for _ in range(min(AT_ONCE, number - at))))

    def act(self, op: str, verb: Verb, text: str) -> None:
        wanted = parse([text])
        found = self.phase(f"{verb} {text}: count", lambda: use.plan(self.client, self.keys, verb, wanted))
        order = Order(op, verb, "bench", "", text, bulk=True)
        self.phase(f"{verb} {text}: plan", lambda: self.operations.open(order, found.job_ids))
        self._steps(f"{verb} {text}: act", lambda: self.operations.step(op).state)
        assert self.operations.get(op).done == found.count > 0
        self._steps(f"{verb} {text}: undo", lambda: self.operations.undo_step(op, "bench").state)
        assert self.operations.get(op).undone == found.count

    def _steps(self, name: str, step: Callable[[], OperationState]) -> None:
        def all_of_them() -> int:
            taken = 1
            while step() in (OperationState.RUNNING, OperationState.UNDOING):
                taken += 1
            return taken

        self.control(self.phase(name, all_of_them))


def ahead_of_others(pid: int) -> str:
    """Gives the server's main thread the processor before every ordinary program, so that these are not in the figures.

    Not by a real-time class: the kernel takes those off the processor for 50 ms of a busy second.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, -20)
    except PermissionError:
        return "at the mercy of other programs (a better nice value needs root)"
    return "ahead of other programs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("dead", "waiting"), default=None)
    parser.add_argument("--no-rewrite", action="store_true", help="without rewrites of the append-only file: they fork")
    wanted = parser.parse_args()
    with running_redis(*(("--auto-aof-rewrite-percentage", "0") if wanted.no_rewrite else ())) as server:
        bench = Bench(server.url)
        known = bench.client.info("server")
        rank = ahead_of_others(known["process_id"])
        print(f"Redis {known['redis_version']}, {wanted.entries:,} entries, the server runs {rank}")
        print(f"{'phase':<40} {'seconds':>8} {'commands':>11}  {'> 5 ms':>6}  longest command", flush=True)
        if wanted.only != "waiting":
            bench.bury(wanted.entries)
            time.sleep(REST_S)
            bench.act("retry", Verb.RETRY, "state:dead")
        bench.client.flushall(asynchronous=True)
        if wanted.only != "dead":
            bench.push(wanted.entries)
            time.sleep(REST_S)
            bench.act("cancel", Verb.CANCEL, "state:ready")


if __name__ == "__main__":
    main()
