"""A portrait whose outcome is known, looked at by every worker when it starts: models that load may still see nothing.

A file that is the right one and a score that is right are two things: another build of the runtime, or a processor with
a faulty instruction, changes the second one alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lomi_ops.domain.policy import Policy

TOLERATED = 0.03
"""Scores of one model file may differ by so much between processors."""


@dataclass(frozen=True, slots=True)
class Golden:
    """What the engines of one worker say about the portrait: one adult face, dressed, in focus."""

    scores: Mapping[str, float] = field(default_factory=dict)
    """The highest score of each NSFW label, 0..1; a label that no engine gave is not there."""
    faces: int | None = None
    """By the local detector; None where the worker has none."""


def misjudged(golden: Golden, policy: Policy) -> str:
    """What is wrong with these findings, or nothing: the policy would have to approve the portrait."""
    for label, zones in policy.nsfw.items():
        limit = zones.review_at if zones.review_at is not None else zones.reject_at
        score = golden.scores.get(label.value, 0.0)
        if limit is not None and score >= limit:
            return f"scores {label} {score:.2f}, and {limit:g} goes to a person"
    if golden.faces is not None and golden.faces != 1:
        return f"sees {golden.faces} faces instead of one"
    return ""


def apart(one: Golden, other: Golden) -> str:
    """The label on which two workers with the same models differ, or nothing."""
    for label in sorted(one.scores.keys() | other.scores.keys()):
        if abs(one.scores.get(label, 0.0) - other.scores.get(label, 0.0)) > TOLERATED:
            return label
    return ""
