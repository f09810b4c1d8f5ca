"""A policy as the decision log keeps it beside each decision, read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import AgeRule, BlurRule, FaceRule, Policy, Requirement, Zones


def stored_policy(thresholds: Mapping[str, Any] | None) -> Policy | None:
    """The thresholds of a decision; None where none were kept, or another program wrote something else."""
    if not thresholds:
        return None
    try:
        return Policy(
            name=str(thresholds["name"]),
            version=int(thresholds["version"]),
            requires=frozenset(Requirement(need) for need in thresholds["requires"]),
            blur=BlurRule(**{key: float(value) for key, value in thresholds["blur"].items()}),
            faces=FaceRule(**{key: float(value) for key, value in thresholds["faces"].items()}),
            age=AgeRule(int(thresholds["age"]["limit"])),
            nsfw={Label(name): _zones(**zones) for name, zones in thresholds["nsfw"].items()},
            description=str(thresholds.get("description", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _zones(review_at: float | None, reject_at: float | None) -> Zones:
    return Zones(*(None if value is None else float(value) for value in (review_at, reject_at)))
