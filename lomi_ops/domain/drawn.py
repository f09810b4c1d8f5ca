"""Which boxes are drawn on a photo, and what is written beside them."""

from __future__ import annotations

from lomi_ops.domain.finding import Box, Evidence, Finding, Label
from lomi_ops.domain.policy import Policy, counted_faces

_MEASUREMENTS = frozenset({Label.SHARPNESS, Label.FACE_SHARPNESS})
"""Findings whose box says where was measured, not what was found."""


def boxes(evidence: Evidence, policy: Policy | None) -> list[tuple[Box, str, str]]:
    """Box, caption and severity (`bad`, `doubt`, `face`, `plain`) of every finding that is a place in the photo, once:
    a detector that finds faces says them in both of its reports. Without a policy every face counts."""
    faces = counted_faces(evidence, policy.faces) if policy else tuple(evidence.labelled(Label.FACE))
    counted = {id(face) for face in faces}
    drawn: dict[tuple[Box, str], str] = {}
    for report in evidence.reports:
        for finding in report.findings:
            if finding.box is None or finding.label in _MEASUREMENTS:
                continue
            name = finding.raw_label or finding.label.value
            age = f" {finding.age.low}-{finding.age.high}" if finding.age else ""
            severity = "face" if id(finding) in counted else _severity(finding, policy)
            drawn.setdefault((finding.box, f"{name} {finding.score:.2f}{age}"), severity)
    return [(box, caption, severity) for (box, caption), severity in drawn.items()]


def _severity(finding: Finding, policy: Policy | None) -> str:
    zones = policy.nsfw.get(finding.label) if policy else None
    if zones is not None and zones.reject_at is not None and finding.score >= zones.reject_at:
        return "bad"
    if zones is not None and zones.review_at is not None and finding.score >= zones.review_at:
        return "doubt"
    return "plain"
