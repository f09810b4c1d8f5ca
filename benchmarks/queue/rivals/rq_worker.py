"""No-op jobs through RQ: `fill N` or `work CONCURRENCY`. A SimpleWorker runs one job at a time, in its own process."""

from __future__ import annotations

import logging
import sys
from uuid import uuid4

from gate import Gate  # type: ignore[import-not-found]
from redis import Redis
from rq import Queue, SimpleWorker  # type: ignore[import-not-found]

GATE = Gate()


def noop() -> None:
    GATE.note()


def main(url: str, verb: str, number: int) -> None:
    client = Redis.from_url(url)
    queue = Queue("bench", connection=client)
    if verb == "fill":
        for start in range(0, number, 1000):
            size = min(1000, number - start)
            queue.enqueue_many([Queue.prepare_data("rq_worker.noop", result_ttl=500) for _ in range(size)])
        return
    logging.disable(logging.INFO)
    # noop is found again under this name, so that it counts here.
    sys.modules["rq_worker"] = sys.modules["__main__"]
    worker = SimpleWorker([queue], name=uuid4().hex, connection=client, log_job_description=False)
    GATE.wait()
    worker.work(burst=True, logging_level="ERROR")
    GATE.report()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
