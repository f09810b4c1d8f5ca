"""A queue with workers as a model: jobs arrive, new workers take a while, and somebody looks every few seconds.

Jobs are so small that they flow; chance comes from whoever asks for it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lomi_ops.domain.autoscale import History, Observation, Rules, stepped
from lomi_ops.domain.autoscale_decision import decide
from lomi_ops.domain.flow import Sample
from lomi_ops.domain.traffic import traffic

TICK_S = 5.0
SAMPLE_S = 10.0
LOOK_S = 15.0
Rate = Callable[[float], float]
"""Jobs per second by the second."""


@dataclass
class Plant:
    """Each worker has one slot and needs `job_s` for a job."""

    rules: Rules
    job_s: float
    workers: int
    start_s: float = 40.0
    chance: random.Random | None = None
    now_s: float = 0.0
    waiting: float = 0.0
    finished: float = 0.0
    ready_at: list[float] = field(default_factory=list)
    history: History = field(default_factory=History)
    samples: list[Sample] = field(default_factory=list)
    counts: list[tuple[float, int]] = field(default_factory=list)
    """Each number of workers, and since when."""
    _left: float = 0.0
    """Jobs come whole, and so are slots busy: what was left over is there the next time."""

    def __post_init__(self) -> None:
        self.ready_at = [0.0] * self.workers
        self.counts = [(0.0, self.workers)]

    def run(self, hours: float, rate: Rate) -> None:
        ends = self.now_s + hours * 3600
        while self.now_s < ends:
            self._flow(rate(self.now_s))
            if self.now_s % LOOK_S == 0:
                self._look()
            self.now_s += TICK_S

    def _flow(self, per_s: float) -> None:
        came = per_s * TICK_S
        if self.chance is not None:
            came = _poisson(self.chance, came)
        room = self.ready / self.job_s * TICK_S
        done = min(room, self.waiting + came)
        self.waiting += came - done
        self.finished += done
        busy = done / TICK_S * self.job_s
        if self.now_s % SAMPLE_S == 0:
            inside = round(self.waiting + busy)
            self._left += busy
            running = int(self._left)
            self._left -= running
            self.samples = [*self.samples[-63:], self._sample(inside, running)]

    def _sample(self, inside: int, running: int) -> Sample:
        return Sample(int(self.now_s * 1000), inside, int(self.finished), 0, 0, 0, 0, running=running)

    @property
    def ready(self) -> int:
        return sum(at <= self.now_s for at in self.ready_at)

    def seen(self) -> Observation:
        now_ms = int(self.now_s * 1000)
        per_s = self.ready / self.job_s
        return Observation(
            at_ms=now_ms,
            workers=self.workers,
            ready=self.ready,
            slots=self.ready,
            ready_jobs=int(self.waiting),
            running=self.samples[-1].running or 0,
            oldest_s=self.waiting / per_s if self.waiting >= 1 and per_s else None,
            traffic=traffic(self.samples, now_ms),
            sample_age_s=(now_ms - self.samples[-1].at_ms) / 1000,
            beat_age_s=1.0,
        )

    def _look(self) -> None:
        seen = self.seen()
        found = decide(seen, self.history, self.rules)
        self.history = found.history
        if not found.step:
            return
        assert self.rules.min <= found.target <= self.rules.max
        late = self.now_s + self.start_s
        self.ready_at = (sorted(self.ready_at) + [late] * max(0, found.step))[: found.target]
        self.workers = found.target
        self.history = stepped(self.history, found.target)
        self.counts.append((self.now_s, found.target))

    def turns(self, since_s: float = 0.0) -> int:
        """How often the number went the other way."""
        numbers = [number for at, number in self.counts if at >= since_s]
        ways = [later > earlier for earlier, later in itertools.pairwise(numbers)]
        return sum(one != other for one, other in itertools.pairwise(ways))


def numbers(counts: Sequence[tuple[float, int]]) -> list[int]:
    return [number for _, number in counts]


def _poisson(chance: random.Random, mean: float) -> int:
    """Of arrivals by chance; near enough to the bell for many."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    left, count = 1.0, 0
    bound = 2.718281828459045 ** (-mean)
    while (left := left * chance.random()) > bound:
        count += 1
    return count
