"""What a policy would have made of the photos of a window: stored findings judged again, and no photo read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from lomi_ops.db import replaying, reporting
from lomi_ops.db.pool import Database, Session
from lomi_ops.db.replaying import Ids, Stored
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.simulation import Fate, Simulation, Truth, reason_of, rejudged
from lomi_ops.domain.truth import Chances, Judged, chances, judged
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


@dataclass(frozen=True, slots=True)
class _Fated:
    said: Judged
    after: Fate


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
    judged: list[_Fated] = field(default_factory=list)
    waited: Counter[str] = field(default_factory=Counter)
    """For a person, by the deciding reason."""
    odd: int = 0
    seen: Columns = field(default_factory=Columns)
    """Of a sweep."""
    people: Columns = field(default_factory=Columns)
    """Those of them that people judged."""
    truths: list[_Fated] = field(default_factory=list)

    def add(self, part: _Found) -> None:
        """The next part of the log."""
        self.sums.merge(part.sums)
        self.judged += part.judged
        self.waited.update(part.waited)
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
        pile = reason_of(each.verdict)
        if each.verdict.outcome is Outcome.REVIEW:
            found.waited[pile] += 1
        known = judged(each.verdict.outcome, pile, said.sampled.get(each.media_id), said.people.get(each.media_id))
        truth = None if known is None else _Fated(known, new.fate)
        if truth is not None:
            found.judged.append(truth)
        if ends and new.fate is not Fate.UNKNOWN and sweep.gather(found.seen, ends[0], each.evidence, *ends[1:]):
            _swept_too(found, truth)
    return found


def _swept_too(found: _Found, truth: _Fated | None) -> None:
    """Puts the photo that was gathered last beside those that people judged, if they did."""
    if truth is None:
        return
    found.truths.append(truth)
    mine, all_ = found.people, found.seen
    mine.extend(Columns(all_.values[-1:], all_.off[-1:], all_.on[-1:]))


def _summed(found: _Found, policy: Policy, window: Window, line: tuple[Line, Points] | None) -> Simulated:
    known = chances((each.said for each in found.judged), found.waited)
    truths = [Truth(known.of(each.said), each.said.reject, each.said.before, each.after) for each in found.judged]
    return Simulated(policy, window, found.sums, truths, found.odd, _swept(found, known, *line) if line else None)


def _swept(found: _Found, known: Chances, line: Line, points: Points) -> Sweep:
    probabilities = [known.of(each.said) for each in found.truths]
    rejects = [each.said.reject for each in found.truths]
    return sweep.swept(line, points, found.seen, found.people, probabilities, rejects)
