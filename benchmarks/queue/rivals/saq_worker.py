"""No-op jobs through SAQ: `fill N` or `work CONCURRENCY`."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from gate import Gate  # type: ignore[import-not-found]
from saq import Queue, Worker  # type: ignore[import-not-found]

GATE = Gate()


async def noop(_: dict[str, Any]) -> None:
    GATE.note()


async def fill(url: str, number: int) -> None:
    queue = Queue.from_url(url)
    for start in range(0, number, 20):
        await asyncio.gather(*(queue.enqueue("noop") for _ in range(min(20, number - start))))
    await queue.disconnect()


async def work(url: str, concurrency: int) -> None:
    queue = Queue.from_url(url)
    await queue.connect()
    worker = Worker(queue, functions=[("noop", noop)], concurrency=concurrency, burst=True, dequeue_timeout=1)
    GATE.wait()
    await worker.start()
    GATE.report()


def main(url: str, verb: str, number: int) -> None:
    logging.disable(logging.INFO)
    asyncio.run(fill(url, number) if verb == "fill" else work(url, number))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
