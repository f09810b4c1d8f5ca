"""Why so many photos are rejected: by which reason, since when, and by which threshold. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.domain.diagnosis import Failure, Finding, Gravity, counted
from lomi_ops.domain.jump import FEW, Hour, jump, rose
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.verdict import Reason

MOST = 0.5
"""A cluster that rejects more than this share is wrong even where it has always done so."""
CROWD = 10
"""Rejected photos from which it is told that one user has most of them."""
NEAR = 0.25
"""Share of a threshold within which a value lies close to it."""
SHOWN = 3
"""Photos to test with."""
OLD_BLUR, OLD_AGE, OLD_PORN, OLD_SEXY = 120.0, 18.0, 0.45, 0.7
"""What old workers have in their source (`app.py`)."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A photo that was rejected."""

    user_id: UUID
    key: str
    scores: Mapping[str, Any]
    """As in `media.moderation_scores`; whatever another program wrote."""


@dataclass(frozen=True, slots=True)
class HourOfReasons:
    """Photos that were decided in one hour, or uploaded in it and decided since."""

    start: datetime
    photos: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Rejected ones by reason."""

    @property
    def rejected(self) -> int:
        return sum(self.reasons.values())


@dataclass(frozen=True, slots=True)
class RejectionFacts:
    """Decided photos of some days, hour by hour, and the rejected ones among the latest."""

    hours: Sequence[HourOfReasons] = ()
    """In order of time."""
    recent_from: datetime | None = None
    """What is of this hour or a later one is recent."""
    rejected: Mapping[str, Sequence[Rejected]] = field(default_factory=dict)
    """Recent ones by reason, the latest first; not all of a large number."""
    policy: Policy | None = None
    """What decides; None where old workers do."""
    failure: Failure | None = None


def rejection_findings(facts: RejectionFacts) -> Iterator[Finding]:
    if facts.failure is not None:
        why = "how many photos are rejected, only Postgres knows"
        yield Finding("rejections.unknown", Gravity.UNKNOWN, facts.failure.message, why, "lomi check --only postgres")
        return
    recent = [hour for hour in facts.hours if facts.recent_from is None or hour.start >= facts.recent_from]
    photos, rejected = sum(hour.photos for hour in recent), sum(hour.rejected for hour in recent)
    if photos < FEW:
        seen = f"{counted(photos, 'photo')} decided in 24 h: too few to tell a rate"
        yield Finding(
            "rejections.few", Gravity.NOTE, seen, f"a rate means something from {FEW} photos on", "lomi report"
        )
        return
    found = list(_risen(facts, recent, photos))
    if not found and rejected / photos > MOST:
        found.append(_always_high(facts, recent, photos, rejected))
    yield from found
    yield from _one_user(facts)


def _risen(facts: RejectionFacts, recent: Sequence[HourOfReasons], photos: int) -> Iterator[Finding]:
    """Each reason whose share jumped and is still high, the one with the most photos first."""
    now = Counter[str]()
    for hour in recent:
        now.update(hour.reasons)
    for reason, number in now.most_common():
        series = [Hour(hour.start, hour.photos, hour.reasons.get(reason, 0)) for hour in facts.hours]
        leap = jump(series)
        if leap is None or not rose(leap.before, number / photos):
            continue
        seen = (
            f"{reason}: {number / photos:.0%} of {photos} photos in 24 h, {leap.before:.0%} before"
            f" {leap.at:%Y-%m-%d %H:%M} UTC"
        )
        yield _high(seen, reason, facts)


def _always_high(facts: RejectionFacts, recent: Sequence[HourOfReasons], photos: int, rejected: int) -> Finding:
    reasons = Counter[str]()
    for hour in recent:
        reasons.update(hour.reasons)
    most, number = reasons.most_common(1)[0]
    seen = f"{rejected / photos:.0%} of {photos} photos in 24 h are rejected, {number} of {rejected} as {most}"
    return _high(seen, most, facts)


def _high(seen: str, reason: str, facts: RejectionFacts) -> Finding:
    photos = facts.rejected.get(reason, ())
    keys = tuple(photo.key for photo in photos[:SHOWN])
    command = shlex.join(["lomi", "moderate", "--objects", *keys]) if keys else f"lomi review list --reason {reason}"
    why = "people with good photos are turned away"
    rule = threshold(reason, [photo.scores for photo in photos], facts.policy)
    return Finding("rejections.high", Gravity.WRONG, seen, f"{why}; {rule}", command, keys)


def _one_user(facts: RejectionFacts) -> Iterator[Finding]:
    users = Counter(photo.user_id for photos in facts.rejected.values() for photo in photos)
    if users.total() < CROWD:
        return
    user, number = users.most_common(1)[0]
    if number > users.total() / 2:
        seen = f"{number} of the latest {users.total()} rejected photos are of one user, {user}"
        why = "a test with made-up pictures looks like this: then the rate says nothing about people's photos"
        yield Finding("rejections.one_user", Gravity.NOTE, seen, why, "lomi review list --queue rejected")


def threshold(reason: str, scores: Sequence[Mapping[str, Any]], policy: Policy | None) -> str:
    """Which rule rejects for this reason, and how many of the photos lie close to its limit."""
    match reason:
        case Reason.BLURRY:
            limit = policy.blur.reject_below if policy else OLD_BLUR
            name = _setting(policy, "blur.reject_below")
            return f"sharpness below {limit:g} is blurry ({name})" + _near(scores, ("blur_variance",), limit)
        case Reason.UNDERAGE:
            age = policy.age.limit if policy else OLD_AGE
            name = _setting(policy, "age.limit")
            return f"an age below {age:g} is underage ({name})" + _near(scores, ("estimated_age",), age)
        case Reason.NSFW:
            return _nsfw(scores, policy)
        case Reason.NO_FACE:
            name = f"{_setting(policy, 'faces.min_score')}, compreface.det_prob_threshold" if policy else "app.py"
            return f"no face above the least score counts ({name}): see lomi doctor compreface"
        case Reason.GROUP_PHOTO:
            name = _setting(policy, "faces.min_area_share")
            return f"more than one face in front is a group ({name})"
    return f"no threshold belongs to {reason}"


def _nsfw(scores: Sequence[Mapping[str, Any]], policy: Policy | None) -> str:
    """The label that most of the photos passed, with its limit."""
    limits = {"porn": OLD_PORN, "sexy": OLD_SEXY}
    if policy is not None:
        limits = {label.value: zones.reject_at for label, zones in policy.nsfw.items() if zones.reject_at is not None}
    passed = Counter(
        label
        for each in scores
        for label, limit in limits.items()
        if (_number(each, ("nsfw_scores", label)) or 0) >= limit
    )
    label = passed.most_common(1)[0][0] if passed else next(iter(limits), "")
    if not label:
        return "no label rejects"
    name = _setting(policy, f"nsfw.{label}.reject_at")
    return f"{label} from {limits[label]:g} on is nsfw ({name})" + _near(scores, ("nsfw_scores", label), limits[label])


def _setting(policy: Policy | None, name: str) -> str:
    return f"policy.policies.{policy.name}.{name}" if policy else "app.py of the old workers"


def _near(scores: Sequence[Mapping[str, Any]], path: Sequence[str], limit: float) -> str:
    values = [value for each in scores if (value := _number(each, path)) is not None]
    if not values:
        return ""
    near = sum(abs(value - limit) <= NEAR * limit for value in values)
    return f"; {near} of {counted(len(values), 'photo')} lie within {NEAR:.0%} of it"


def _number(scores: Mapping[str, Any], path: Sequence[str]) -> float | None:
    value: Any = scores
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
