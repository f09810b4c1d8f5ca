"""From a push to the start of the job while workers are idle, and a claim over a long list against one over a short."""

from __future__ import annotations

import time
import uuid
from queue import Empty

from benchmarks.queue.load import connect, element, fill, listening
from benchmarks.queue.process import Process
from benchmarks.queue.product import Plan
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import QUEUE, Keys
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.wire import identity

GAP_S = 0.05
"""Between two pushes: everybody is back at the door."""


def idle(url: str, pushes: int, processes: int) -> list[float]:
    """Seconds from before the push to the start of the job in one of `processes` idle workers, push by push."""
    client = connect(url)
    client.flushall()
    plan = Plan("noop", url, starts=True)
    workers = [Process.of(plan) for _ in range(processes)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.say("go")
    found = []
    with listening(url):
        _wait_for_bells(url, processes)
        pushed: dict[str, float] = {}
        for _ in range(pushes):
            raw = element()
            pushed[identity(raw)] = time.time()
            client.lpush(QUEUE, raw)
            time.sleep(GAP_S)
        time.sleep(1.0)
    for worker in workers:
        for job_id, at in worker.starts():
            found.append(at - pushed.pop(job_id))
        worker.kill()
    client.close()
    if pushed:
        raise RuntimeError(f"{len(pushed)} of {pushes} jobs were not started")
    return found


def _wait_for_bells(url: str, number: int) -> None:
    client = connect(url)
    deadline = time.monotonic() + 60
    while client.info("clients")["blocked_clients"] < number:
        if time.monotonic() > deadline:
            raise Empty("not all workers came to the door")
        time.sleep(0.05)
    client.close()


def claims(url: str, number: int, backlog: int) -> tuple[list[float], list[float]]:
    """Seconds of a claim over a list of `backlog` elements, and over one of a single element, in turns."""
    client = connect(url)
    client.flushall()
    deep, flat = (JobQueue(client, keys=Keys(name)) for name in ("deep", "flat"))
    fill(client, backlog, deep.keys.ready)
    times: dict[JobQueue, list[float]] = {deep: [], flat: []}
    for seq in range(number):
        for queue, found in times.items():
            client.lpush(queue.keys.ready, element())
            token = str(uuid.uuid4())
            begin = time.perf_counter()
            reply = queue.claim("boot/0", seq, token)
            found.append(time.perf_counter() - begin)
            assert isinstance(reply, Claimed)
            queue.finish(reply.job_id, reply.token)
    client.close()
    return times[deep], times[flat]
