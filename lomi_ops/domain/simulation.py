"""What another policy would make of photos, from what engines said about them then. Pure.

An engine that nobody asked is no witness: a photo whose outcome would rest on its answer is `unknown`, never approved.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.domain.finding import Engine, Evidence
from lomi_ops.domain.policy import Policy, judge, missing
from lomi_ops.domain.quality import Estimate, estimate
from lomi_ops.domain.verdict import Ground, Outcome, Reason, Verdict


class Fate(StrEnum):
    """What would become of a photo."""

    APPROVE = "approve"
    REVIEW = "review"
    REJECT = "reject"
    UNKNOWN = "unknown"
    """What the policy asks for was never looked at."""


Transition = tuple[Outcome, Fate]


@dataclass(frozen=True, slots=True)
class Rejudged:
    fate: Fate
    verdict: Verdict
    """What the policy says of the findings as they are."""
    unanswered: tuple[str, ...] = ()
    """What it would have to know; not empty where the fate is unknown."""


@dataclass(frozen=True, slots=True)
class Change:
    """A photo whose outcome would be another one."""

    media_id: UUID
    at: datetime
    before: Outcome
    after: Fate
    why: Ground | None
    """What decides: of the new verdict, or of the stored one where the photo would be approved."""
    threshold: float | None
    """Of the new policy."""

    @property
    def distance(self) -> float:
        """From the threshold, as a part of it: how much of a change it would be."""
        if self.why is None or self.why.observed is None or self.threshold is None:
            return 0.0
        return abs(self.why.observed - self.threshold) / max(abs(self.threshold), 1e-9)

    @property
    def weight(self) -> tuple[bool, float, int]:
        """Who is affected most: from one end to the other first, then by the distance."""
        return {self.before.value, self.after.value} == {"approve", "reject"}, self.distance, -self.media_id.int


@dataclass(frozen=True, slots=True)
class Truth:
    """What a person said about a photo."""

    probability: float
    """That just this photo was asked about."""
    reject: bool
    before: Outcome
    after: Fate | None = None
    """None where no other policy is in question."""


@dataclass(slots=True)
class Simulation:
    """Sums over photos, and the ones that would be affected most."""

    limit: int
    photos: int = 0
    transitions: Counter[Transition] = field(default_factory=Counter)
    reasons_before: Counter[str] = field(default_factory=Counter)
    reasons_after: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    _heap: list[tuple[tuple[bool, float, int], Change]] = field(default_factory=list)

    def add(self, media_id: UUID, at: datetime, stored: Verdict, new: Rejudged, policy: Policy) -> None:
        self.photos += 1
        self.first_at = min(self.first_at or at, at)
        self.transitions[stored.outcome, new.fate] += 1
        self.reasons_before[reason_of(stored)] += 1
        if new.fate is Fate.UNKNOWN:
            self.unanswered.update(new.unanswered)
        else:
            self.reasons_after[reason_of(new.verdict)] += 1
            if new.fate.value != stored.outcome.value:
                self._keep(changed(media_id, at, stored, new, policy))

    def merge(self, later: Simulation) -> None:
        """Sums over other photos, as if these had been added after all of mine."""
        self.photos += later.photos
        if later.first_at is not None:
            self.first_at = min(self.first_at or later.first_at, later.first_at)
        for mine, theirs in (
            (self.reasons_before, later.reasons_before), (self.reasons_after, later.reasons_after),
            (self.unanswered, later.unanswered),
        ):  # fmt: skip
            mine.update(theirs)
        self.transitions.update(later.transitions)
        for _, change in later._heap:
            self._keep(change)

    @property
    def most_affected(self) -> tuple[Change, ...]:
        return tuple(change for _, change in sorted(self._heap, key=lambda each: each[0], reverse=True))

    @property
    def changed(self) -> int:
        """Photos whose outcome would be another one, as far as that is known."""
        return sum(
            number
            for (before, after), number in self.transitions.items()
            if after is not Fate.UNKNOWN and after.value != before.value
        )

    def before(self, outcome: Outcome) -> int:
        return sum(number for (was, _), number in self.transitions.items() if was is outcome)

    def after(self, fate: Fate) -> int:
        return sum(number for (_, fated), number in self.transitions.items() if fated is fate)

    def _keep(self, change: Change) -> None:
        item = (change.weight, change)
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, item)
        elif self._heap and item[0] > self._heap[0][0]:
            heapq.heapreplace(self._heap, item)


def rejudged(stored: Verdict, evidence: Evidence, policy: Policy) -> Rejudged:
    """What the policy would make of a photo that was judged before.

    An outage was one for both: a photo that went to a person for lack of an answer still does so where an answer lacks.
    """
    verdict = judge(evidence, policy)
    lacks = tuple(_unanswered(evidence, policy))
    if not lacks:
        return Rejudged(Fate(verdict.outcome.value), verdict)
    if not evidence.reports or (stored.incomplete and verdict.incomplete):
        return Rejudged(Fate.REVIEW, stored if not evidence.reports else verdict)
    return Rejudged(Fate.UNKNOWN, verdict, lacks)


def _unanswered(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """What the policy requires, and what else it would read if it were there."""
    needs = [need.value for need in missing(evidence, policy)]
    yield from needs
    reads = {Engine.BLUR, Engine.FACES} | ({Engine.NSFW} if policy.nsfw else set())
    for engine in Engine:
        if engine in reads and engine.value not in needs and not evidence.report(engine).answered:
            yield engine.value


def reason_of(verdict: Verdict) -> str:
    """The deciding ground, nudity by its label; empty for an approval."""
    if not verdict.grounds:
        return ""
    first = verdict.grounds[0]
    return f"{first.reason.value} ({first.label})" if first.reason is Reason.NSFW else first.reason.value


def changed(media_id: UUID, at: datetime, stored: Verdict, new: Rejudged, policy: Policy) -> Change:
    ground = next(iter(new.verdict.grounds or stored.grounds), None)
    threshold = None if ground is None else _threshold(ground, new, policy)
    return Change(media_id, at, stored.outcome, new.fate, ground, threshold)


def _threshold(ground: Ground, new: Rejudged, policy: Policy) -> float | None:
    """The line of the new policy on whose other side the photo lies now."""
    if new.verdict.grounds:
        return ground.threshold
    if ground.reason is Reason.NSFW:
        zones = {label.value: zones for label, zones in policy.nsfw.items()}.get(ground.label)
        lines = [] if zones is None else [line for line in (zones.review_at, zones.reject_at) if line is not None]
        return min(lines, default=None)
    if ground.reason is Reason.BLURRY:
        return policy.blur.review_below
    return float(policy.age.limit) if ground.reason is Reason.UNDERAGE else ground.threshold


def right(truths: Sequence[Truth], fate: Fate) -> Estimate:
    """Of the photos that the policy would send there, the share that people would reject."""
    return estimate([(each.probability, each.reject) for each in truths if each.after is fate])


def right_before(truths: Sequence[Truth], outcome: Outcome) -> Estimate:
    return estimate([(each.probability, each.reject) for each in truths if each.before is outcome])


def unjudged(transitions: Mapping[Transition, int], truths: Sequence[Truth], fate: Fate) -> int:
    """Photos with this fate of which nobody has looked at one that stood like them."""
    looked = {each.before for each in truths}
    return sum(number for (before, after), number in transitions.items() if after is fate and before not in looked)
