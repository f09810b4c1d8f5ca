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

from lomi_ops.domain.flow import WINDOW_S, Flow, flow
from lomi_ops.domain.pace import Pace
from lomi_ops.domain.stuck import OVERDUE_S, RUNS_S
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.queue import board
from lomi_ops.queue.client import guarded
from lomi_ops.queue.fields import Fields
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.pulse import Lately, Pulse, Server, lately_of, server_of
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
DETAIL = 8
"""Replies about the server and what has added up."""
MOST_EXPIRED = 100
SHORT_S, HOUR_S = 300.0, 3600.0
FIRST = 3
"""Samples at the beginning of a window, since workers of an earlier version tell less in theirs."""


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
    _ages_s: dict[str, float] = field(default_factory=dict)
    _server: Server = field(default_factory=Server)
    _measured: Mapping[str, int] = field(default_factory=dict)
    _lately: Lately = field(default_factory=Lately)
    _flow: Flow | None = None

    def read(self) -> Pulse:
        """Raises RedisUnavailable; then everything is asked anew next time."""
        try:
            with guarded(self.client, "a look at the queue"):
                return self._read(self.clock())
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Everything is asked anew next time: something was changed. Safe from any thread."""
        for pace in (self._aside, self._detail, self._stuck_pace):
            pace.due_at = float("-inf")

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
            ready, high, bulk, delayed, running, oldest, paused, holds, stats, *rest = pipe.execute()
        counters = board.counters_of(stats)
        if aside:
            self._note_aside(now, *rest[:ASIDE])
        inside = ready + high + bulk + delayed + running
        self._look_closer(now, inside, counters, *(rest[-2:] if stuck else ()))
        server_ms = self._server_ms(now)
        self._note_age("ready", board.age_of(oldest, server_ms))
        there = {"ready": ready, "high": high, "bulk": bulk, "running": running, "dead": self._dead}
        return Pulse(
            server_ms=server_ms,
            ready=ready,
            high=high,
            bulk=bulk,
            delayed=delayed,
            running=running,
            dead=self._dead,
            unsent=self._unsent,
            ages_s={state: age_s for state, age_s in self._ages_s.items() if there[state]},
            pause=board.pause_of(paused, server_ms),
            holds=board.holds_of(holds, self._limits, server_ms),
            rates=board.rates_of(self._limits, server_ms),
            counters=counters,
            workers=self._workers(server_ms),
            stuck=self._stuck,
            server=self._server,
            measured=self._measured,
            lately=self._lately,
            flow=self._flow,
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
        inside: int,
        counters: Mapping[str, int],
        slots: Fields | None = None,
        leases: Sequence[tuple[bytes, float]] = (),
    ) -> None:
        """The second round trip, where anything of it is due. Somebody new is looked at at once."""
        detail = self._detail.due(now)
        boots = [boot for boot in self._beats if detail or boot not in self._known]
        late = {name for name, until in leases if until < self._server_ms(now) - OVERDUE_S * 1000}
        running, since = sorted(set((slots or {}).values())), dict[bytes, int]()
        if boots or detail or running:
            with self.client.pipeline(transaction=False) as pipe:
                for boot in boots:
                    pipe.hgetall(self.keys.worker(boot))
                for name in running:
                    pipe.hget(self.keys.job(text(name)), "claimed_ms")
                if detail:
                    self._ask_detail(pipe, self._server_ms(now))
                replies = pipe.execute(raise_on_error=False)
            if detail:
                self._server = server_of(replies.pop())
            for failure in replies:
                if isinstance(failure, redis.RedisError):
                    raise failure
            if detail:
                self._note_detail(now, inside, counters, *replies[1 - DETAIL :])
            self._known |= dict(zip(boots, replies, strict=False))
            claimed = replies[len(boots) : len(boots) + len(running)]
            since = {name: self._server_ms(now) - count(at) for name, at in zip(running, claimed, strict=True) if at}
        if slots is not None:
            self._stuck = len(late | {name for name, ran_ms in since.items() if ran_ms > RUNS_S * 1000})
            self._note_age("running", max(since.values()) / 1000 if since else None)
            self._stuck_pace.asked(now)

    def _ask_detail(self, pipe: Any, server_ms: int) -> None:
        pipe.hgetall(self.keys.measured)
        for span_s in (HOUR_S, SHORT_S, WINDOW_S):
            pipe.xrange(self.keys.samples, server_ms - round(span_s * 1000), "+", count=FIRST)
        pipe.lindex(self.keys.high, -1)
        pipe.lindex(self.keys.bulk, -1)
        pipe.zrange(self.keys.dead, 0, 0, withscores=True)
        pipe.info()

    def _note_detail(
        self, now: float, inside: int, counters: Mapping[str, int], measured: Fields, hour: Any, short: Any, ten: Any,
        high: bytes | None, bulk: bytes | None, dead: Sequence[tuple[bytes, float]],
    ) -> None:  # fmt: skip
        server_ms = self._server_ms(now)
        self._measured = board.counters_of(measured)
        self._lately = lately_of(counters, self._measured, hour, short)
        self._flow = flow([board.sample_of(*each) for each in ten], board.sample_now(server_ms, inside, counters))
        self._note_age("high", board.age_of(high, server_ms))
        self._note_age("bulk", board.age_of(bulk, server_ms))
        self._note_age("dead", (server_ms - dead[0][1]) / 1000 if dead else None)
        self._detail.asked(now)

    def _note_age(self, state: str, age_s: float | None) -> None:
        self._ages_s.pop(state, None)
        if age_s is not None:
            self._ages_s[state] = max(0.0, age_s)

    def _workers(self, server_ms: int) -> tuple[WorkerRecord, ...]:
        """Those that are remembered: the record of one that is gone expires before its name does."""
        found = []
        for boot, fields in self._known.items():
            if fields:
                record = record_of(boot, fields, server_ms)
                found.append(replace(record, beat_age_s=max(0.0, server_ms - self._beats[boot]) / 1000))
        return tuple(sorted(found, key=lambda record: (record.info.host, record.started_ms, record.info.boot)))
