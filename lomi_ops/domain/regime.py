"""Which policies hold at one time: one, or several that share the users, and some that are only asked.

Whatever an arm says, no photo is approved that another arm would reject for nudity or hold for a suspected minor: an
experiment must not let through what the stricter half of it would have stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.plain import plain
from lomi_ops.domain.policy import Policy, Requirement, judge, weight
from lomi_ops.domain.policy_text import digest
from lomi_ops.domain.stored_policy import stored_policy
from lomi_ops.domain.verdict import Ground, Outcome, Reason, Verdict

_SAFETY_EVIDENCE = frozenset({Requirement.NSFW.value, Requirement.AGE.value, Requirement.FACES.value})
_LOTS = 2.0**64


@dataclass(frozen=True, slots=True)
class Rule:
    """By what one user's photos are judged."""

    policy: Policy
    guards: tuple[Policy, ...] = ()
    """The other arms: what they stop for safety is not approved."""
    shadows: tuple[Policy, ...] = ()
    activation: int = 0
    """0: the configuration's."""

    def stored(self) -> dict[str, Any]:
        """As the decision log keeps it: the policy, and what else the verdict depended on."""
        found: dict[str, Any] = plain(self.policy)
        if self.activation:
            found["activation"] = self.activation
        if self.guards:
            found["guards"] = [plain(guard) for guard in self.guards]
        return found


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a policy that does not hold said of a photo."""

    policy: str
    """`name@version`"""
    outcome: Outcome
    reason: str | None


@dataclass(frozen=True, slots=True)
class Arm:
    policy: Policy
    share: float = 1.0
    """Of the users, in (0, 1]."""


@dataclass(frozen=True, slots=True)
class Regime:
    arms: tuple[Arm, ...]
    """At least one; their shares add up to 1."""
    shadows: tuple[Policy, ...] = ()
    activation: int = 0

    @property
    def title(self) -> str:
        """`strict@2`, or `strict@2 80% + default@1 20%`"""
        if len(self.arms) == 1:
            return self.arms[0].policy.ref
        return " + ".join(f"{arm.policy.ref} {arm.share * 100:.3g}%" for arm in self.arms)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """All by which photos are judged; not the shadows."""
        return tuple(arm.policy for arm in self.arms)

    def rule(self, user_id: UUID) -> Rule:
        """The same for all photos of a user, as long as the arms stay what they are."""
        mine = self.arms[self._arm_of(user_id)].policy
        others = tuple(policy for policy in self.policies if policy is not mine)
        return Rule(mine, others, self.shadows, self.activation)

    def _arm_of(self, user_id: UUID) -> int:
        if len(self.arms) == 1:
            return 0
        lot, upto = lot_of(user_id, self.policies), 0.0
        for place, arm in enumerate(self.arms):
            upto += arm.share
            if lot < upto:
                return place
        return len(self.arms) - 1


def lot_of(user_id: UUID, policies: Iterable[Policy]) -> float:
    """In [0, 1): stable for a user and an experiment, and independent between experiments."""
    text = " ".join(("lomi.arm/1", *map(digest, policies), str(user_id)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / _LOTS


def judged(evidence: Evidence, rule: Rule) -> Verdict:
    """The policy's verdict, held back where another arm stops the photo for safety."""
    return guarded(judge(evidence, rule.policy), [judge(evidence, guard) for guard in rule.guards])


def shadowed(evidence: Evidence, rule: Rule) -> tuple[Shadowed, ...]:
    """What the shadows say of the same findings. No engine is asked for them."""
    found = []
    for policy in rule.shadows:
        verdict = judge(evidence, policy)
        found.append(Shadowed(policy.ref, verdict.outcome, verdict.reason.value if verdict.reason else None))
    return tuple(found)


def guarded(own: Verdict, others: Iterable[Verdict]) -> Verdict:
    """What is approved goes to a person where another verdict stops it for safety; what is rejected goes there where
    another one suspects a minor, whom a person always looks at."""
    stops = {ground.text: ground for other in others for ground in other.grounds if _stops(ground)}
    minors = any(ground.reason is Reason.UNDERAGE for ground in stops.values())
    if not stops or own.outcome is Outcome.REVIEW or (own.outcome is Outcome.REJECT and not minors):
        return own
    held = [replace(ground, outcome=Outcome.REVIEW) for ground in stops.values()]
    return Verdict(Outcome.REVIEW, own.policy, tuple(sorted([*held, *own.grounds], key=weight)))


def _stops(ground: Ground) -> bool:
    match ground.reason:
        case Reason.UNDERAGE:
            return True
        case Reason.NSFW:
            return ground.outcome is Outcome.REJECT
        case Reason.MISSING_EVIDENCE:
            return ground.label in _SAFETY_EVIDENCE
    return False


def stored_rule(stored: Mapping[str, Any] | None) -> Rule | None:
    """What a decision was made by; None where it was not kept, or cannot be read."""
    policy = stored_policy(stored)
    if stored is None or policy is None:
        return None
    try:
        guards = [stored_policy(guard) for guard in stored.get("guards") or ()]
        number = int(stored.get("activation") or 0)
    except (TypeError, ValueError, AttributeError):
        return None
    whole = tuple(guard for guard in guards if guard is not None)
    return Rule(policy, whole, activation=number) if len(whole) == len(guards) else None


def served(policy: Policy, able: frozenset[Requirement]) -> Policy:
    """The policy as a worker may use it that can answer only so much: what it would read and nobody here answers
    becomes required, so that a person decides instead."""
    wants = {Requirement.NSFW} if policy.nsfw else set()
    return replace(policy, requires=policy.requires | (wants - able))


def needs(policy: Policy) -> frozenset[Requirement]:
    """What a worker must be able to answer to approve by the policy."""
    return policy.requires | (frozenset({Requirement.NSFW}) if policy.nsfw else frozenset())


def abilities(*, nsfw: bool, faces: bool, ages: bool) -> frozenset[Requirement]:
    """What a worker with these engines can answer."""
    found = {Requirement.NSFW: nsfw, Requirement.FACES: faces, Requirement.AGE: ages}
    return frozenset({Requirement.BLUR, *(need for need, there in found.items() if there)})
