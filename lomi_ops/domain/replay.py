"""Judging stored findings again, and saying whether the same came of it. No photo is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.regime import Rule, judged
from lomi_ops.domain.verdict import Ground, Outcome, Verdict


class Replay(StrEnum):
    """What became of one stored decision."""

    SAME = "same"
    DIFFERS = "differs"
    UNREADABLE = "unreadable"
    """What is stored is not what lomi stores."""
    NO_POLICY = "no_policy"
    """The thresholds were not stored with it."""
    NO_JUDGEMENT = "no_judgement"
    """Handed to a person before any engine had spoken: an outage, a crash."""
    FAILED = "failed"
    """The photo could not be judged at all."""
    PERSON = "person"
    """Somebody decided, by no policy."""


COUNTED_APART = (Replay.PERSON, Replay.FAILED, Replay.NO_JUDGEMENT)
"""No policy computed them, so there is nothing to compute again."""
NOT_REPLAYED = (Replay.NO_POLICY, Replay.UNREADABLE)


@dataclass(slots=True)
class Tally:
    """Decisions by what became of them."""

    counts: dict[Replay, int] = field(default_factory=lambda: dict.fromkeys(Replay, 0))

    def add(self, what: Replay) -> None:
        self.counts[what] += 1

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def replayed(self) -> int:
        return self.counts[Replay.SAME] + self.counts[Replay.DIFFERS]

    @property
    def unsure(self) -> int:
        return sum(self.counts[each] for each in NOT_REPLAYED)


def compared(stored: Verdict, evidence: Evidence, rule: Rule) -> tuple[Replay, Verdict]:
    """Whether the rule says of the findings what is stored, and what it says."""
    if not evidence.reports and stored.outcome is Outcome.REVIEW:
        return Replay.NO_JUDGEMENT, stored
    again = judged(evidence, rule)
    same = _alike(again, stored) or _gist(again) == _gist(stored)
    return (Replay.SAME if same else Replay.DIFFERS), again


def explained(verdict: Verdict) -> str:
    """`reject (nsfw)`"""
    return f"{verdict.outcome.value} ({verdict.reason.value})" if verdict.reason else verdict.outcome.value


def _alike(one: Verdict, other: Verdict) -> bool:
    """Whether they are the same as they stand, which most are; False says nothing yet."""
    if one.outcome is not other.outcome or one.policy != other.policy or len(one.grounds) != len(other.grounds):
        return False
    return all(_numbers(mine) == _numbers(yours) for mine, yours in zip(one.grounds, other.grounds, strict=True))


def _gist(verdict: Verdict) -> Mapping[str, Any]:
    """Without the texts, which a later version may word otherwise, and without the order of grounds of one weight:
    jsonb keeps no order of labels."""
    return {
        "outcome": verdict.outcome,
        "policy": verdict.policy,
        "reason": verdict.reason,
        "grounds": sorted(map(_numbers, verdict.grounds)),
    }


def _numbers(ground: Ground) -> tuple[str, ...]:
    parts = (ground.reason, ground.outcome, ground.label, ground.observed, ground.threshold)
    # Postgres knows no negative zero.
    return tuple(repr(part + 0.0) if isinstance(part, float) else str(part) for part in parts)
