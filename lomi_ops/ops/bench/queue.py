"""`lomi bench queue`: the protocol of the queue on the configured Redis, on a queue of its own."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty as NothingYet
from queue import SimpleQueue
from typing import Any

import redis

from lomi_ops.domain.bench import ANSWER, JOBS, START, Area, Figure, Left, Outcome, Unit
from lomi_ops.domain.bench_advice import QueueFacts, for_queue
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.errors import LomiError, RedisUnavailable, Refused
from lomi_ops.ops.bench.probe import Tell
from lomi_ops.ops.bench.timing import Bounds, Timed, repeat
from lomi_ops.queue import scratch, tracing
from lomi_ops.queue.client import call, guarded, inspect, where
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.scratch import Scratch
from lomi_ops.queue.wire import dump_job

PINGS, PUSHES, STARTS = 200, 200, 50
PART_S = 3.0
"""Of the run, for each of those at most."""
LEASE_S = 60.0
GRACE_S = 60.0
"""So long after its time a run that was not cleaned up counts as killed."""
JOB_BYTES = 4096
"""In Redis at most: element, record, and what the events say of it."""
ROOM = 0.9
"""Of `maxmemory`: a queue of ours must not be what fills it."""
FILL = 200
"""Jobs of a command."""
NOBODY = uuid.UUID(int=0)
PATIENCE_S = 10.0
"""For a worker of ours to see a job."""


@dataclass(slots=True)
class QueueProbe:
    """`run` once."""

    client: redis.Redis
    """A `queue_client`."""
    bell: redis.Redis
    """A `doorbell_client`."""
    jobs: int
    seconds: float
    """Of the part that empties the queue."""
    at_once: int
    left: list[Left] = field(default_factory=list)
    _scratch: Scratch = field(init=False)
    _queue: JobQueue = field(init=False)
    _pushed: int = 0

    def run(self, tell: Tell) -> Outcome:
        """Raises RedisUnavailable, and Refused where Redis has no room. What was made is removed, whatever happens."""
        began = time.perf_counter()
        self._require_room()
        self._begin()
        try:
            figures, facts = self._measured(tell)
        finally:
            self._end()
        did = f"{PUSHES} pushes, {STARTS} starts, {self.jobs:,} jobs on a queue of its own"
        return Outcome(
            Area.QUEUE, figures, for_queue(facts, figures), time.perf_counter() - began, did, tuple(self.left)
        )

    def _require_room(self) -> None:
        with guarded(self.client, "INFO"):
            memory: dict[str, Any] = self.client.info("memory")
        limit, used = int(memory.get("maxmemory", 0)), int(memory.get("used_memory", 0))
        if limit and used + self.jobs * JOB_BYTES > limit * ROOM:
            text = (
                f"Redis at {where(self.client)} is {used / limit:.0%} full: a queue of {self.jobs:,} jobs may fill it"
            )
            raise Refused(text, hint="lomi bench queue --jobs 100, or raise maxmemory")

    def _begin(self) -> None:
        now_ms = JobQueue(self.client).now_ms()
        scratch.sweep(self.client, now_ms)
        # Every part has its own bound, so there is a time after which only a killed run can have left something.
        until_ms = now_ms + round((self.seconds + 3 * PART_S + STARTS * PATIENCE_S + GRACE_S) * 1000)
        total = self.jobs + PUSHES + STARTS + 1
        self._scratch = scratch.begin(
            self.client, uuid.uuid4().hex[:12], jobs=total, slots=self.at_once + 1, until_ms=until_ms
        )
        self._queue, self._pushed = JobQueue(self.client, keys=self._scratch.keys), 0

    def _end(self) -> None:
        try:
            scratch.end(self.client, self._scratch)
        except RedisUnavailable as failure:
            self.left.append(Left("keys", f"{self._scratch.keys.ready}*", failure.message))

    def _measured(self, tell: Tell) -> tuple[tuple[Figure, ...], QueueFacts]:
        tell("round trips")
        pings = repeat(lambda _: self._ping(), Bounds(PART_S, PINGS))
        tell("pushes")
        self._push()  # the first one finds no script, no connection
        pushes = repeat(lambda _: self._push(), Bounds(PART_S, PUSHES))
        self._take_all(pushes)
        tell("starts")
        starts = self._starts()
        tell("jobs")
        self._fill()
        emptied = self._drain(Bounds(self.seconds, self.jobs, self.at_once), first_seq=1_000_000)
        facts = self._facts(pings)
        return _figures(pings, pushes, starts, emptied, facts), facts

    def _ping(self) -> None:
        with guarded(self.client, "PING"):
            self.client.ping()

    def _push(self) -> float:
        """As the backend does it; when."""
        raw = self._element()
        began = time.perf_counter()
        tracing.push(self.client, self._scratch.keys, raw)
        return began

    def _fill(self) -> None:
        elements = [self._element() for _ in range(self.jobs)]
        for start in range(0, len(elements), FILL):
            with guarded(self.client, "LPUSH"):
                call(self.client, "LPUSH", self._scratch.keys.ready, *elements[start : start + FILL])

    def _element(self) -> bytes:
        """The next job, in the producer's shape."""
        number, self._pushed = self._pushed, self._pushed + 1
        photo = PhotoRef(uuid.uuid4(), f"users/{NOBODY}/photo/{number}.jpg", "bench", "https://bench.invalid/")
        return dump_job(Job(self._scratch.job_id(number), uuid.uuid4(), NOBODY, 0, (photo,), datetime.now(UTC)))

    def _take_all(self, pushed: Timed) -> None:
        """The pushes were counted; what they left would only stand in the way of the first start."""
        self._drain(Bounds(PATIENCE_S, len(pushed.times_s) + 1), first_seq=0)

    def _starts(self) -> Timed:
        """From a push to an idle queue until a worker that waits at the door has the job."""
        taken: SimpleQueue[float | BaseException] = SimpleQueue()
        over = threading.Event()
        taker = threading.Thread(target=self._take, args=(taken, over), name="lomi-bench-worker", daemon=True)
        taker.start()
        times: list[float] = []
        end = time.perf_counter() + self.seconds + PART_S
        try:
            while len(times) < STARTS and time.perf_counter() < end:
                time.sleep(0.01)  # until it is at the door again
                began = self._push()
                times.append(_next(taken) - began)
        finally:
            over.set()
            taker.join()
        return Timed(tuple(times), sum(times))

    def _take(self, taken: SimpleQueue[float | BaseException], over: threading.Event) -> None:
        slot, line = self._scratch.slot(self.at_once), Line(self.bell)
        seq = 0
        try:
            while not over.is_set():
                seq += 1
                token = str(uuid.uuid4())
                claimed = self._queue.claim(slot, seq, token, LEASE_S)
                if isinstance(claimed, Claimed):
                    taken.put(time.perf_counter())
                    self._queue.finish(claimed.job_id, claimed.token)
                else:
                    self._queue.wait(line, 0.2)
        except LomiError as failure:
            taken.put(failure)
        finally:
            line.hang_up()

    def _drain(self, bounds: Bounds, *, first_seq: int) -> Timed:
        """Claim and finish, without judging. A slot belongs to a thread: its claims have rising numbers."""
        local, free = threading.local(), SimpleQueue[int]()
        for number in range(bounds.at_once):
            free.put(number)

        def job(_: int) -> None:
            if not hasattr(local, "slot"):
                local.slot, local.seq = self._scratch.slot(free.get_nowait()), first_seq
            local.seq += 1
            claimed = self._queue.claim(local.slot, local.seq, str(uuid.uuid4()), LEASE_S)
            if isinstance(claimed, Claimed):
                self._queue.finish(claimed.job_id, claimed.token)

        return repeat(job, bounds)

    def _facts(self, pings: Timed) -> QueueFacts:
        server = inspect(self.client)
        return QueueFacts(
            round_trip_s=pings.at(0.5) or 0.0,
            appendonly=server.appendonly,
            fsync=self._fsync(),
            server=f"{server.name} {server.version}",
        )

    def _fsync(self) -> str:
        """`always`, `everysec`, `no`; empty where nobody tells."""
        try:
            answer: Any = call(self.client, "CONFIG", "GET", "appendfsync")
        except redis.RedisError:
            return ""
        pair = [part.decode() if isinstance(part, bytes) else str(part) for part in answer]
        return pair[1] if len(pair) == 2 else ""


def _next(taken: SimpleQueue[float | BaseException]) -> float:
    try:
        found = taken.get(timeout=PATIENCE_S)
    except NothingYet:
        text = f"a job that was pushed was not seen by a waiting worker for {PATIENCE_S:g} s"
        raise RedisUnavailable(text, hint="lomi check --only 'redis.*'") from None
    if isinstance(found, BaseException):
        raise found
    return found


def _figures(pings: Timed, pushes: Timed, starts: Timed, emptied: Timed, facts: QueueFacts) -> tuple[Figure, ...]:
    return (
        Figure("round_trip_p50", "round trip to Redis, median", pings.at(0.5), Unit.SECONDS, note=facts.server),
        Figure("round_trip_p99", "round trip to Redis, p99", pings.at(0.99), Unit.SECONDS),
        Figure("push_p95", "a job is pushed, p95", pushes.at(0.95), Unit.SECONDS, ANSWER),
        Figure("start_p50", "push to start at an idle worker, median", starts.at(0.5), Unit.SECONDS),
        Figure("start_p99", "push to start at an idle worker, p99", starts.at(0.99), Unit.SECONDS, START),
        Figure("jobs_per_second", "jobs claimed and finished", emptied.per_second, Unit.PER_SECOND, JOBS),
    )  # fmt: skip
