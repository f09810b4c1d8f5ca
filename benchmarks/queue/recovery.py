"""After a worker process or the server was killed: how long until the work goes on. With the product's own timings."""

from __future__ import annotations

import signal
import sys
import time

from benchmarks.queue.load import connect, element
from benchmarks.queue.process import Process
from benchmarks.queue.product import Plan
from lomi_ops.queue.keys import QUEUE
from tests.services import RedisServer

SETTLE_S = 13.0
"""After its first look at a server nobody takes anything back for one lease."""
BEATEN_S = 5.0
"""By then each holder has beaten at least once, at a time of its own."""
AWAY_S = (0.5, 3.0, 10.0)
PATIENCE_S = 60.0


def after_sigkill(url: str, trials: int) -> list[float]:
    """Seconds from the SIGKILL of a process that holds jobs, one in each of `trials` queues, to the next start of each
    job by a worker that was idle."""
    client = connect(url)
    client.flushall()
    names = tuple(f"bench-{n}" for n in range(trials))
    heir = Process.of(Plan("noop", url, queues=names, starts=True))
    heir.ready()
    holder = Process.of(Plan("hold", url, queues=names, starts=True))
    holder.ready()
    holder.say("go")
    for name in names:
        client.lpush(name, element())
    held = {holder.start_of_job()[0] for _ in names}
    heir.say("go")
    time.sleep(SETTLE_S + BEATEN_S)
    killed = time.time()
    holder.kill()
    found = []
    for _ in names:
        job_id, at = heir.start_of_job(PATIENCE_S)
        held.remove(job_id)
        found.append(at - killed)
    heir.kill()
    client.close()
    return found


def after_restart(server: RedisServer, trials: int) -> list[float]:
    """Seconds from the first PONG of a restarted server to the start of a job that is pushed then."""
    client = connect(server.url)
    client.flushall()
    worker = Process.of(Plan("noop", server.url, slots=2, starts=True))
    worker.ready()
    worker.say("go")
    time.sleep(1.0)
    found = []
    for trial in range(trials):
        server.stop(signal.SIGKILL)
        time.sleep(AWAY_S[trial % len(AWAY_S)])
        server.start()
        answered = time.time()
        pusher = connect(server.url)
        pusher.lpush(QUEUE, element())
        pusher.close()
        found.append(worker.start_of_job(PATIENCE_S)[1] - answered)
        print(f"restart {trial + 1}: {found[-1]:.2f} s", file=sys.stderr)
    worker.kill()
    client.close()
    return found
