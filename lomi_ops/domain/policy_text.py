"""A policy in words: its lines one by one, what differs between two, and the digest of its whole content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from lomi_ops.domain.finding import NSFW_LABELS
from lomi_ops.domain.policy import Policy, Requirement

DIGEST = 12
"""Hexadecimal digits: enough to tell the policies of one cluster apart."""
_NO_ENGINE = {
    Requirement.BLUR: "a photo whose sharpness nobody measured may be approved",
    Requirement.FACES: "a photo in which nobody looked for faces may be approved",
    Requirement.AGE: "a photo whose faces have no age may be approved",
    Requirement.NSFW: "a photo in which nobody looked for nudity may be approved",
}


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One thing that a policy lays down."""

    key: str
    """As in the configuration, below the policy's name."""
    title: str
    value: float | None
    """None: switched off, or no number."""
    words: str
    higher_is_looser: bool | None = None
    """Which way a change goes; None where a number does not tell."""


class Turn(StrEnum):
    """What a change from one policy to another means for a photo."""

    STRICTER = "stricter"
    LOOSER = "looser"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    first: PolicyLine
    second: PolicyLine
    turn: Turn


def digest(policy: Policy) -> str:
    """Of everything but the description: two policies with one digest judge alike."""
    content = asdict(policy)
    del content["description"]
    content["requires"] = sorted(content["requires"])
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST]


def lines(policy: Policy) -> tuple[PolicyLine, ...]:
    """In the same order for every policy."""
    return (*_required(policy), *_measured(policy), *_zones(policy))


def differences(first: Policy, second: Policy) -> tuple[Difference, ...]:
    """What differs, but for names and versions."""
    pairs = zip(lines(first), lines(second), strict=True)
    return tuple(
        Difference(one, other, _turn(one, other))
        for one, other in pairs
        if (one.value, one.words) != (other.value, other.words)
    )


def doubts(policy: Policy) -> Iterator[str]:
    """What is allowed and rarely meant."""
    for need in Requirement:
        if need not in policy.requires:
            yield f"{need.value} is not required: {_NO_ENGINE[need]}"
    if policy.blur.face_sharp_at < policy.blur.reject_below:
        yield "blur.face_sharp_at is below blur.reject_below: a face that is blurred itself rescues a blurred photo"
    for label in NSFW_LABELS:
        zones = policy.nsfw.get(label)
        if zones is None or (zones.review_at is None and zones.reject_at is None):
            yield f"nsfw.{label.value} has no zone: no score of it rejects a photo or shows it to a person"


def _required(policy: Policy) -> Iterator[PolicyLine]:
    for need in Requirement:
        required = need in policy.requires
        words = "without an answer a person decides" if required else "not required"
        yield PolicyLine(f"requires.{need.value}", f"answer about {need.value}", float(required), words, False)


def _measured(policy: Policy) -> Iterator[PolicyLine]:
    blur, faces, limit = policy.blur, policy.faces, policy.age.limit
    yield PolicyLine("blur.reject_below", "sharpness, reject", blur.reject_below,
                     f"rejected below {blur.reject_below:g}", False)  # fmt: skip
    yield PolicyLine("blur.review_below", "sharpness, review", blur.review_below,
                     f"a person decides below {blur.review_below:g}", False)  # fmt: skip
    yield PolicyLine("blur.face_sharp_at", "sharpness of the face", blur.face_sharp_at,
                     f"a face of {blur.face_sharp_at:g} rescues the photo", False)  # fmt: skip
    yield PolicyLine("faces.min_score", "face, score", faces.min_score, f"counts from {faces.min_score:g}")
    yield PolicyLine("faces.min_area_share", "face, size", faces.min_area_share,
                     f"counts from {faces.min_area_share:g} of the largest face")  # fmt: skip
    yield PolicyLine("age.limit", "age", float(limit), f"a range that reaches below {limit} goes to a person", False)


def _zones(policy: Policy) -> Iterator[PolicyLine]:
    for label in NSFW_LABELS:
        zones = policy.nsfw.get(label)
        review, reject = (zones.review_at, zones.reject_at) if zones else (None, None)
        yield PolicyLine(f"nsfw.{label.value}.review_at", f"{label.value}, review", review,
                         "off" if review is None else f"a person decides from {review:g}", True)  # fmt: skip
        yield PolicyLine(f"nsfw.{label.value}.reject_at", f"{label.value}, reject", reject,
                         "off" if reject is None else f"rejected from {reject:g}", True)  # fmt: skip


def _turn(one: PolicyLine, other: PolicyLine) -> Turn:
    if one.higher_is_looser is None:
        return Turn.OTHER
    before, after = (float("inf") if line.value is None else line.value for line in (one, other))
    return Turn.LOOSER if (after > before) is one.higher_is_looser else Turn.STRICTER
