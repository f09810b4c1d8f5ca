"""No-op jobs through Dramatiq: `fill N` or `work CONCURRENCY` (threads)."""

from __future__ import annotations

import logging
import sys
import time

import dramatiq  # type: ignore[import-not-found]
from dramatiq.brokers.redis import RedisBroker  # type: ignore[import-not-found]
from gate import Gate  # type: ignore[import-not-found]

GATE = Gate()
QUIET_S = 1.5
"""It has no burst mode: without a job for so long it is done."""


def noop() -> None:
    GATE.note()


def main(url: str, verb: str, number: int) -> None:
    logging.disable(logging.INFO)
    broker = RedisBroker(url=url)
    dramatiq.set_broker(broker)
    actor = dramatiq.actor(noop, queue_name="bench")
    if verb == "fill":
        for _ in range(number):
            actor.send()
        return
    worker = dramatiq.Worker(broker, worker_threads=number)
    GATE.wait()
    worker.start()
    deadline = time.time() + 10  # for the first job
    while time.time() < max(deadline if not GATE.count else 0, GATE.last + QUIET_S):
        time.sleep(0.1)
    worker.stop()
    GATE.report()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
