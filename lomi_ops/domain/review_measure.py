"""What was measured of a photo against the thresholds of the policy that judged it, ready to be drawn as bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lomi_ops.domain.finding import NSFW_LABELS, Evidence, Label


@dataclass(frozen=True, slots=True)
class Measure:
    """One number and where the zones of its policy begin; None where there is no such zone, or nobody noted it."""

    label: str
    """`sharpness`, `face_sharpness`, `faces`, `age`, `porn`, `sexy`, `hentai`."""
    observed: float | None
    """None where no engine said anything: that is no clearance."""
    review_at: float | None = None
    reject_at: float | None = None
    worse_below: bool = False
    """True where a low number speaks against the photo: sharpness and age."""
    scale: float = 1.0
    """What a full bar stands for."""

    @property
    def zone(self) -> str:
        """`reject`, `review`, `approve`, or empty where it cannot be told."""
        if self.observed is None or (self.review_at is None and self.reject_at is None):
            return ""
        if self._reaches(self.reject_at):
            return "reject"
        return "review" if self._reaches(self.review_at) else "approve"

    def _reaches(self, limit: float | None) -> bool:
        if limit is None or self.observed is None:
            return False
        return self.observed < limit if self.worse_below else self.observed >= limit


def measures(scores: object, evidence: Evidence | None, thresholds: Mapping[str, Any] | None) -> tuple[Measure, ...]:
    """From the log where our workers judged, else from the scores that old workers left, without thresholds."""
    said: Mapping[str, Any] = scores if isinstance(scores, Mapping) else {}
    policy: Mapping[str, Any] = thresholds or {}
    blur, zones = _part(policy, "blur"), _part(policy, "nsfw")
    sharp_limit = _number(blur.get("review_below"))
    found = [
        Measure(
            "sharpness", _number(said.get("blur_variance")), sharp_limit, _number(blur.get("reject_below")),
            worse_below=True, scale=2 * (sharp_limit or 120.0),
        ),
        *_face_sharpness(evidence, _number(blur.get("face_sharp_at"))),
        Measure("faces", _number(said.get("face_count")), reject_at=2.0 if policy else None, scale=4.0),
        Measure(
            "age", _number(said.get("estimated_age")), _number(_part(policy, "age").get("limit")),
            worse_below=True, scale=60.0,
        ),
    ]  # fmt: skip
    nudity = _part(said, "nsfw_scores")
    for label in NSFW_LABELS:
        zone = _part(zones, label.value)
        found.append(
            Measure(
                label.value, _number(nudity.get(label.value)), _number(zone.get("review_at")),
                _number(zone.get("reject_at")),
            )
        )  # fmt: skip
    return tuple(found)


def _face_sharpness(evidence: Evidence | None, limit: float | None) -> tuple[Measure, ...]:
    values = [each.value for each in evidence.labelled(Label.FACE_SHARPNESS)] if evidence else []
    if not values or values[0] is None:
        return ()
    return (Measure("face_sharpness", values[0], limit, worse_below=True, scale=2 * (limit or 120.0)),)


def _part(whole: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = whole.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
