"""One load: subscribe, let the users come, follow every photo, look at the cluster, take everything back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import redis

from lomi_ops.domain import bench_load
from lomi_ops.domain.bench import Left, Outcome
from lomi_ops.domain.bench_load import Sample, Visit
from lomi_ops.errors import Refused
from lomi_ops.ops.bench.load.crowd import Crowd
from lomi_ops.ops.bench.load.figures import Seen, outcome_of
from lomi_ops.ops.bench.load.sample import Sampler
from lomi_ops.ops.bench.load.track import Tracker
from lomi_ops.ops.bench.probe import Tell
from lomi_ops.ops.demo.results import Results, listening

LOOK_S = 2.0
HEAR_S = 0.2
ALIVE_S = 30.0
"""A worker that was not heard of for so long is none."""

Advance = Callable[[int, str], None]
"""So many photos are decided, and what goes on."""


@dataclass(slots=True)
class LoadProbe:
    """`run` once."""

    crowd: Crowd
    tracker: Tracker
    sampler: Sampler
    client: redis.Redis
    per_minute: float
    minutes: float
    patience_s: float
    """For the last decision, from the end of the last visit."""
    chance: random.Random
    advance: Advance = lambda decided, what: None
    left: list[Left] = field(default_factory=list)
    _samples: list[Sample] = field(default_factory=list)
    _began: float = 0.0

    def run(self, tell: Tell) -> Outcome:
        """Raises what the services raise, and Refused where nobody would judge the photos. Everything is taken back,
        whatever happens."""
        began = time.perf_counter()
        self.sampler.begin()
        workers = self._workers()
        visits = bench_load.plan(self.per_minute, self.minutes, self.crowd.users, self.chance)
        with listening(self.client) as results, self.crowd.at_work():
            before = self.sampler.writes()
            try:
                sent_s = self._drive(results, visits, tell)
                tell("the last decisions")
                self._wait(results)
                self.tracker.settle()
                seen = Seen(
                    tracker=self.tracker,
                    samples=tuple(self._samples),
                    sent_s=sent_s,
                    writes=_since(before, self.sampler.writes()),
                    workers=workers,
                    pushed_again=self.crowd.pushed_again,
                    tries=self.crowd.tries,
                    late_s=self.crowd.late_s,
                    local=self.crowd.cleaner.at.local,
                )
            finally:
                self.crowd.end()
                tell("cleaning up")
                self.left += self.crowd.clean()
        return outcome_of(seen, time.perf_counter() - began, tuple(self.left))

    def _workers(self) -> int:
        pulse = self.sampler.meter.read()
        alive = sum(each.beat_age_s < ALIVE_S for each in pulse.workers)
        if pulse.pause is not None:
            raise Refused(f"the queue is paused: {pulse.pause.reason}", hint="lomi queue resume")
        if not alive:
            raise Refused("no worker of lomi is registered: nobody would judge the photos", hint="lomi workers list")
        return alive

    def _drive(self, results: Results, visits: Sequence[Visit], tell: Tell) -> float:
        """Until the last visit is over; how long that took."""
        tell("users come")
        self._began = time.monotonic()
        self.crowd.drive(visits, self._began)
        while self.crowd.under_way:
            self._step(results, "users come")
        return time.monotonic() - self._began

    def _wait(self, results: Results) -> None:
        end = time.monotonic() + self.patience_s
        while self.tracker.open and time.monotonic() < end:
            self._step(results, "the last decisions")
        self._look()
        self.tracker.listen(results, LOOK_S)  # a second message of the last photo would come now

    def _step(self, results: Results, what: str) -> None:
        self.tracker.listen(results, HEAR_S)
        if not self._samples or time.monotonic() - self._began - self._samples[-1].at_s >= LOOK_S:
            self._look()
        self.advance(self.tracker.decided, what)
        if self.crowd.failure is not None:
            raise self.crowd.failure

    def _look(self) -> None:
        self._samples.append(self.sampler.take(time.monotonic() - self._began, self.tracker.decided))


def _since(before: Sequence[int], after: Sequence[int]) -> tuple[int, ...]:
    """What was added; where the counters began again, what there is."""
    if len(before) != len(after) or any(new < old for old, new in zip(before, after, strict=True)):
        return tuple(after)
    return tuple(new - old for old, new in zip(before, after, strict=True))
