"""A policy as the decision log keeps it beside each decision, read again. What is odd or missing there is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import AgeRule, BlurRule, FaceRule, Policy, Zones


def stored_policy(thresholds: Mapping[str, Any] | None) -> Policy | None:
    """The thresholds of a decision; None where none were kept, or another program wrote something else."""
    if not thresholds:
        return None
    try:
        return Policy(
            name=str(thresholds["name"]),
            version=int(thresholds["version"]),
            requires=frozenset(),
            blur=BlurRule(**{key: float(value) for key, value in thresholds["blur"].items()}),
            faces=FaceRule(**{key: float(value) for key, value in thresholds["faces"].items()}),
            age=AgeRule(int(thresholds["age"]["limit"])),
            nsfw={Label(name): Zones(**zones) for name, zones in thresholds["nsfw"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
