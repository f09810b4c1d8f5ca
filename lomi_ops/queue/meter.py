"""The queue as something that is looked at every second for days: two round trips at most, constant-time commands, and
what changes slowly is asked for seldom.

`board.stats` asks for everything at once, for people who look once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import redis

from lomi_ops.domain.pace import Pace
from lomi_ops.domain.stuck import OVERDUE_S, RUNS_S
from lomi_ops.domain.tally import FAILED, WRITE
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.queue import board
from lomi_ops.queue.client import guarded
from lomi_ops.queue.fields import Fields
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.replies import Hold, Pause, Rate
from lomi_ops.queue.scripts import count, text
from lomi_ops.queue.workers import MAX_LISTED, record_of

ASIDE_S = 5.0
"""Between looks at what need not be known to the second."""
DETAIL_S = 15.0
"""Between looks at each worker, and at the server itself."""
STUCK_S = 60.0
"""Between looks at each running job."""
ASIDE = 5
"""Replies to what need not be known to the second."""
MOST_EXPIRED = 100
SHORT_S, HOUR_S = 300.0, 3600.0
FIRST = 3
"""Samples at the beginning of a window, since workers of an earlier version tell less in theirs."""
Samples = Sequence[tuple[bytes, Fields]]


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says about itself; None where it does not let us ask."""

    memory_bytes: int | None = None
    connections: int | None = None
    hits: int | None = None
    misses: int | None = None


@dataclass(frozen=True, slots=True)
class Lately:
    """What has happened within a window, from the samples that workers note; None where none of them tells."""

    duplicates: int | None = None
    """Within an hour: copies of jobs that were known already."""
    storage: int | None = None
    """Within five minutes: attempts that failed for the object store."""
    writes: tuple[int, ...] | None = None
    """Within five minutes: places of the histogram of the workers' writes."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The queue at one moment. What is asked for seldom is as old as its pace allows."""

    server_ms: int
    ready: int
    high: int
    bulk: int
    delayed: int
    running: int
    dead: int
    unsent: int
    oldest_age_s: float | None
    pause: Pause | None
    holds: tuple[Hold, ...]
    rates: tuple[Rate, ...]
    counters: Mapping[str, int]
    workers: tuple[WorkerRecord, ...]
    stuck: int
    """Jobs that run for longer than an hour, or whose lease ran out a minute ago and nobody has taken them back."""
    server: Server = Server()
    measured: Mapping[str, int] = field(default_factory=dict)
    """What finished jobs have added up to (`domain/tally.py`)."""
    lately: Lately = Lately()


@dataclass(slots=True)
class Meter:
    """One reader with a memory. Not for several threads at once."""

    client: redis.Redis
    keys: Keys = field(default_factory=Keys)
    clock: Callable[[], float] = time.monotonic
    _aside: Pace = field(default_factory=lambda: Pace(ASIDE_S))
    _detail: Pace = field(default_factory=lambda: Pace(DETAIL_S))
    _stuck_pace: Pace = field(default_factory=lambda: Pace(STUCK_S))
    _offset_ms: float = 0.0
    """The server's time less our monotonic one."""
    _beats: dict[str, float] = field(default_factory=dict)
    _dead: int = 0
    _unsent: int = 0
    _limits: Fields = field(default_factory=dict)
    _known: dict[str, Fields] = field(default_factory=dict)
    _stuck: int = 0
    _server: Server = Server()
    _measured: Mapping[str, int] = field(default_factory=dict)
    _lately: Lately = Lately()

    def read(self) -> Pulse:
        """Raises RedisUnavailable; then everything is asked anew next time."""
        try:
            with guarded(self.client, "a look at the queue"):
                return self._read(self.clock())
        except BaseException:
            for pace in (self._aside, self._detail, self._stuck_pace):
                pace.due_at = float("-inf")
            raise

    def _read(self, now: float) -> Pulse:
        keys, aside, stuck = self.keys, self._aside.due(now), self._stuck_pace.due(now)
        with self.client.pipeline(transaction=False) as pipe:
            pipe.llen(keys.ready)
            pipe.llen(keys.high)
            pipe.llen(keys.bulk)
            pipe.zcard(keys.delayed)
            pipe.zcard(keys.lease)
            pipe.lindex(keys.ready, -1)
            pipe.hgetall(keys.paused)
            pipe.hgetall(keys.holds)
            pipe.hgetall(keys.stats)
            if aside:
                pipe.zcard(keys.dead)
                pipe.zcard(keys.unsent)
                pipe.hgetall(keys.limits)
                pipe.zrange(keys.workers, 0, MAX_LISTED - 1, desc=True, withscores=True)
                pipe.time()
            if stuck:
                pipe.hgetall(keys.slots)
                pipe.zrange(keys.lease, 0, MOST_EXPIRED - 1, withscores=True)
            ready, high, bulk, delayed, running, oldest, paused, holds, counters, *rest = pipe.execute()
        if aside:
            self._note_aside(now, *rest[:ASIDE])
        self._look_closer(now, board.counters_of(counters), *(rest[-2:] if stuck else ()))
        server_ms = self._server_ms(now)
        return Pulse(
            server_ms=server_ms,
            ready=ready,
            high=high,
            bulk=bulk,
            delayed=delayed,
            running=running,
            dead=self._dead,
            unsent=self._unsent,
            oldest_age_s=board.age_of(oldest, server_ms),
            pause=board.pause_of(paused, server_ms),
            holds=board.holds_of(holds, self._limits, server_ms),
            rates=board.rates_of(self._limits, server_ms),
            counters=board.counters_of(counters),
            workers=self._workers(server_ms),
            stuck=self._stuck,
            server=self._server,
            measured=self._measured,
            lately=self._lately,
        )

    def _server_ms(self, now: float) -> int:
        return round(now * 1000 + self._offset_ms)

    def _note_aside(self, now: float, dead: int, unsent: int, limits: Fields, workers: Any, clock: Any) -> None:
        self._dead, self._unsent, self._limits = dead, unsent, limits
        self._beats = {text(name): float(beat) for name, beat in workers}
        self._known = {boot: fields for boot, fields in self._known.items() if boot in self._beats}
        self._offset_ms = clock[0] * 1000 + clock[1] / 1000 - now * 1000
        self._aside.asked(now)

    def _look_closer(
        self,
        now: float,
        counters: Mapping[str, int],
        slots: Fields | None = None,
        leases: Sequence[tuple[bytes, float]] = (),
    ) -> None:
        """The second round trip, where anything of it is due. Somebody new is looked at at once."""
        detail = self._detail.due(now)
        boots = [boot for boot in self._beats if detail or boot not in self._known]
        late = {name for name, until in leases if until < self._server_ms(now) - OVERDUE_S * 1000}
        running = sorted(set((slots or {}).values()) - late)
        if boots or detail or running:
            with self.client.pipeline(transaction=False) as pipe:
                for boot in boots:
                    pipe.hgetall(self.keys.worker(boot))
                for name in running:
                    pipe.hget(self.keys.job(text(name)), "claimed_ms")
                if detail:
                    pipe.hgetall(self.keys.measured)
                    for span_s in (HOUR_S, SHORT_S):
                        pipe.xrange(self.keys.samples, self._server_ms(now) - round(span_s * 1000), "+", count=FIRST)
                    pipe.info()
                replies = pipe.execute(raise_on_error=False)
            if detail:
                self._server = _server(replies.pop())
            for failure in replies:
                if isinstance(failure, redis.RedisError):
                    raise failure
            if detail:
                short, hour, measured = replies.pop(), replies.pop(), replies.pop()
                self._measured = board.counters_of(measured)
                self._lately = _lately(counters, self._measured, hour, short)
                self._detail.asked(now)
            self._known |= dict(zip(boots, replies, strict=False))
            claimed = replies[len(boots) :]
            limit = self._server_ms(now) - RUNS_S * 1000
            late |= {name for name, at in zip(running, claimed, strict=True) if at is not None and count(at) < limit}
        if slots is not None:
            self._stuck = len(late)
            self._stuck_pace.asked(now)

    def _workers(self, server_ms: int) -> tuple[WorkerRecord, ...]:
        """Those that are remembered: the record of one that is gone expires before its name does."""
        found = []
        for boot, fields in self._known.items():
            if fields:
                record = record_of(boot, fields, server_ms)
                found.append(replace(record, beat_age_s=max(0.0, server_ms - self._beats[boot]) / 1000))
        return tuple(sorted(found, key=lambda record: (record.info.host, record.started_ms, record.info.boot)))


def _lately(counters: Mapping[str, int], measured: Mapping[str, int], hour: Samples, short: Samples) -> Lately:
    writes = _first(short, b"writes")
    before = [int(number) for number in writes.split(b",")] if writes else []
    now = [measured.get(f"t:{WRITE}:{at}", 0) for at in range(len(before))]
    passed = tuple(after - then for after, then in zip(now, before, strict=True))
    return Lately(
        duplicates=_risen(counters.get("duplicates", 0), _first(hour, b"duplicates")),
        storage=_risen(measured.get(f"n:{FAILED}:objects", 0), _first(short, b"storage")),
        writes=passed if passed and min(passed) >= 0 else None,
    )


def _first(samples: Samples, name: bytes) -> bytes | None:
    """Of the first sample that tells; one that a worker of an earlier version has noted does not."""
    return next((fields[name] for _, fields in samples if name in fields), None)


def _risen(now: int, before: bytes | None) -> int | None:
    """None also where the counter fell: its memory was lost."""
    return None if before is None or now < int(before) else now - int(before)


def _server(info: Any) -> Server:
    """Who may not ask INFO knows the rest all the same."""
    if isinstance(info, redis.RedisError):
        return Server()
    return Server(
        info.get("used_memory"), info.get("connected_clients"), info.get("keyspace_hits"), info.get("keyspace_misses")
    )
