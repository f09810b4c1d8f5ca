"""What a policy would have made of the photos of a window: stored findings judged again, and no photo read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from lomi_ops.db import replaying, reporting
from lomi_ops.db.pool import Database, Session
from lomi_ops.db.replaying import Ids, Stored
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.simulation import Fate, Simulation, Truth, rejudged
from lomi_ops.domain.verdict import Outcome
from lomi_ops.domain.window import Window
from lomi_ops.ops.policies import sweep
from lomi_ops.ops.policies.sharing import shared
from lomi_ops.ops.policies.sweep import Columns, Line, Sweep
from lomi_ops.ops.policies.verify import require_log

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
        key = line[0].key if line else None
        work = partial(_part, said=said, policy=policy, window=window, limit=limit, key=key)
        found = _Found(Simulation(limit))
        for part, done in shared(database, session, window, work):
            found.add(part)
            tell(done)
    return _summed(found, policy, window, line)


def simulate(
    stored: Iterable[Stored], said: Said, policy: Policy, window: Window, limit: int,
    line: tuple[Line, Points] | None = None,
) -> Simulated:  # fmt: skip
    return _summed(_counted(stored, said, policy, limit, line[0] if line else None), policy, window, line)


@dataclass(slots=True)
class _Found:
    """What a part of the log says."""

    sums: Simulation
    judged: list[_Judged] = field(default_factory=list)
    odd: int = 0
    seen: Columns = field(default_factory=Columns)
    """Of a sweep."""
    people: Columns = field(default_factory=Columns)
    """Those of them that people judged."""
    truths: list[_Judged] = field(default_factory=list)

    def add(self, part: _Found) -> None:
        """The next part of the log."""
        self.sums.merge(part.sums)
        self.judged += part.judged
        self.odd += part.odd
        self.seen.extend(part.seen)
        self.people.extend(part.people)
        self.truths += part.truths


def _part(
    session: Session, ids: Ids, *, said: Said, policy: Policy, window: Window, limit: int, key: str | None
) -> _Found:
    line = sweep.line_of(key) if key else None
    return _counted(replaying.latest(session, window, ids), said, policy, limit, line)


def _counted(stored: Iterable[Stored], said: Said, policy: Policy, limit: int, line: Line | None) -> _Found:
    found = _Found(Simulation(limit))
    ends = (line, line.off(policy), line.on(policy)) if line else None
    for each in stored:
        if each.verdict is None or each.evidence is None:
            found.odd += each.odd
            continue
        new = rejudged(each.verdict, each.evidence, policy)
        found.sums.add(each.media_id, each.at, each.verdict, new, policy)
        truth = _truth(each.media_id, each.verdict.outcome, new.fate, said)
        if truth is not None:
            found.judged.append(truth)
        if ends and new.fate is not Fate.UNKNOWN and sweep.gather(found.seen, ends[0], each.evidence, *ends[1:]):
            _swept_too(found, truth)
    return found


def _swept_too(found: _Found, truth: _Judged | None) -> None:
    """Puts the photo that was gathered last beside those that people judged, if they did."""
    if truth is None:
        return
    found.truths.append(truth)
    mine, all_ = found.people, found.seen
    mine.extend(Columns(all_.values[-1:], all_.off[-1:], all_.on[-1:]))


def _summed(found: _Found, policy: Policy, window: Window, line: tuple[Line, Points] | None) -> Simulated:
    share = _share_reviewed(found.judged, found.sums.before(Outcome.REVIEW))
    truths = [Truth(each.probability or share, each.reject, each.before, each.after) for each in found.judged]
    return Simulated(policy, window, found.sums, truths, found.odd, _swept(found, share, *line) if line else None)


def _swept(found: _Found, share: float, line: Line, points: Points) -> Sweep:
    weights = [1 / (each.probability or share) for each in found.truths]
    rejects = [each.reject for each in found.truths]
    return sweep.swept(line, points, found.seen, found.people, weights, rejects)


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
