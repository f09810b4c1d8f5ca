"""What a policy would have made of the photos of a window: stored findings judged again, and no photo read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from lomi_ops.db import replaying, reporting
from lomi_ops.db.pool import Database
from lomi_ops.db.replaying import Stored
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.simulation import Fate, Simulation, Truth, rejudged
from lomi_ops.domain.verdict import Outcome
from lomi_ops.domain.window import Window
from lomi_ops.ops.policies import sweep
from lomi_ops.ops.policies.sweep import Columns, Line, Sweep
from lomi_ops.ops.policies.verify import EVERY, require_log

Points = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What people said about photos of the window."""

    people: Mapping[UUID, bool]
    """Whether they rejected it, of their own choice or since it waited for them."""
    sampled: Mapping[UUID, tuple[float, bool]]


@dataclass(slots=True)
class _Judged:
    """A photo of which people have said what is right."""

    media_id: UUID
    before: Outcome
    after: Fate
    reject: bool
    probability: float | None
    """None for one that had waited for a person: how many of those were looked at is known in the end."""


@dataclass(slots=True)
class Simulated:
    policy: Policy
    window: Window
    sums: Simulation
    truths: list[Truth] = field(default_factory=list)
    odd: int = 0
    """Decisions whose row cannot be read."""
    sweep: Sweep | None = None


def simulated(
    database: Database, policy: Policy, window: Window, limit: int, line: tuple[Line, Points] | None = None,
    tell: Callable[[int], None] = lambda done: None,
) -> Simulated:  # fmt: skip
    """As of one moment. Raises NoLog."""
    require_log(database)
    with reporting.reading(database, others=0) as session:
        said = Said(replaying.people(session, window.start), replaying.sampled(session, window.start))
        return simulate(replaying.latest(session, window), said, policy, window, limit, line, tell)


def simulate(
    stored: Iterable[Stored], said: Said, policy: Policy, window: Window, limit: int,
    line: tuple[Line, Points] | None = None, tell: Callable[[int], None] = lambda done: None,
) -> Simulated:  # fmt: skip
    found = Simulated(policy, window, Simulation(limit))
    judged: list[_Judged] = []
    sweeping = _Sweeping(line, policy) if line else None
    for number, each in enumerate(stored, start=1):
        if each.verdict is None or each.evidence is None:
            found.odd += each.odd
            continue
        new = rejudged(each.verdict, each.evidence, policy)
        found.sums.add(each.media_id, each.at, each.verdict, new, policy)
        truth = _truth(each.media_id, each.verdict.outcome, new.fate, said)
        if truth is not None:
            judged.append(truth)
        if sweeping and new.fate is not Fate.UNKNOWN:
            sweeping.add(each, truth)
        if number % EVERY == 0:
            tell(number)
    share = _share_reviewed(judged, found.sums.before(Outcome.REVIEW))
    found.truths = [Truth(each.probability or share, each.reject, each.before, each.after) for each in judged]
    found.sweep = sweeping.done(share) if sweeping else None
    return found


def _truth(media_id: UUID, before: Outcome, after: Fate, said: Said) -> _Judged | None:
    """What people changed of their own choice says nothing about the rest: they look where something seems wrong."""
    if media_id in said.sampled:
        probability, reject = said.sampled[media_id]
        return _Judged(media_id, before, after, reject, probability)
    if before is Outcome.REVIEW and media_id in said.people:
        return _Judged(media_id, before, after, said.people[media_id], None)
    return None


def _share_reviewed(judged: Iterable[_Judged], waited: int) -> float:
    """Of the photos that waited for a person, how many were looked at."""
    looked = sum(each.probability is None for each in judged)
    return looked / waited if looked else 1.0


class _Sweeping:
    """Gathers the columns of a sweep."""

    def __init__(self, wanted: tuple[Line, Points], policy: Policy) -> None:
        self._line, self._points = wanted
        self._off, self._on = self._line.off(policy), self._line.on(policy)
        self._seen, self._judged = Columns(), Columns()
        self._truths: list[_Judged] = []

    def add(self, each: Stored, truth: _Judged | None) -> None:
        assert each.evidence is not None
        added = sweep.gather(self._seen, self._line, each.evidence, self._off, self._on)
        if added and truth is not None:
            self._truths.append(truth)
            for mine, all_ in (
                (self._judged.values, self._seen.values), (self._judged.off, self._seen.off),
                (self._judged.on, self._seen.on),
            ):  # fmt: skip
                mine.append(all_[-1])  # type: ignore[arg-type]

    def done(self, share: float) -> Sweep:
        weights = [1 / (each.probability or share) for each in self._truths]
        rejects = [each.reject for each in self._truths]
        return sweep.swept(self._line, self._points, self._seen, self._judged, weights, rejects)
