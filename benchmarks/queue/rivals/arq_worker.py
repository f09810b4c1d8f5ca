"""No-op jobs through arq: `fill N` or `work CONCURRENCY`.

arq looks for jobs every half second, and takes as many as `queue_read_limit` at a time. With its defaults it does a few
hundred jobs/s, so both are set to what was fastest here.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from arq import create_pool  # type: ignore[import-not-found]
from arq.connections import RedisSettings  # type: ignore[import-not-found]
from arq.worker import Worker, func  # type: ignore[import-not-found]
from gate import Gate  # type: ignore[import-not-found]

GATE = Gate()
POLL_S = 0.05
READ_LIMIT = 300


async def noop(_: dict[Any, Any]) -> None:
    GATE.note()


async def fill(settings: Any, number: int) -> None:
    pool = await create_pool(settings)
    for start in range(0, number, 100):
        await asyncio.gather(*(pool.enqueue_job("noop") for _ in range(min(100, number - start))))
    await pool.aclose()


def main(url: str, verb: str, number: int) -> None:
    settings = RedisSettings.from_dsn(url)
    if verb == "fill":
        asyncio.run(fill(settings, number))
        return
    logging.disable(logging.INFO)

    async def started(_: dict[Any, Any]) -> None:
        GATE.wait()

    asyncio.set_event_loop(asyncio.new_event_loop())
    worker = Worker(
        functions=[func(noop, name="noop")],
        redis_settings=settings,
        burst=True,
        max_jobs=number,
        poll_delay=POLL_S,
        queue_read_limit=READ_LIMIT,
        on_startup=started,
        log_results=False,
    )
    worker.run()
    GATE.report()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
