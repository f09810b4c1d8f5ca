"""Judging the plain way, one question after another and nothing remembered: what quicker ways are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lomi_ops.domain.finding import (
    AgeRange,
    Box,
    Engine,
    EngineReport,
    EngineStatus,
    Evidence,
    Finding,
    Label,
)
from lomi_ops.domain.policy import FaceRule, Policy, Requirement, weight
from lomi_ops.domain.verdict import Ground, Outcome, Reason, Verdict


def evidence_of(photo: Mapping[str, Any], engines: Any, findings: Any) -> Evidence:
    by_engine: dict[str, list[Finding]] = {}
    for found in findings:
        by_engine.setdefault(found["engine"], []).append(_finding(found))
    reports = [
        EngineReport(
            Engine(entry["engine"]),
            entry["model"],
            entry["version"],
            EngineStatus(entry["status"]),
            tuple(by_engine.get(entry["engine"], ())),
            entry["detail"],
            float(entry["elapsed_ms"]),
        )
        for entry in engines
    ]
    return Evidence(int(photo["width"]), int(photo["height"]), tuple(reports))


def _finding(found: Mapping[str, Any]) -> Finding:
    return Finding(
        label=Label(found["label"]),
        score=float(found["score"]),
        box=Box(**found["box"]) if found["box"] else None,
        raw_label=found["raw_label"],
        value=None if found["value"] is None else float(found["value"]),
        age=AgeRange(**found["age"]) if found["age"] else None,
    )


def _labelled(evidence: Evidence, label: Label) -> Iterator[Finding]:
    return (
        found for report in evidence.reports if report.answered for found in report.findings if found.label is label
    )


def judge(evidence: Evidence, policy: Policy) -> Verdict:
    grounds = sorted(_grounds(evidence, policy), key=weight)
    return Verdict(_outcome(grounds), policy.ref, tuple(grounds))


def counted_faces(evidence: Evidence, rule: FaceRule) -> tuple[Finding, ...]:
    report = evidence.report(Engine.FACES)
    found = report.findings if report.answered else ()
    faces = [face for face in found if face.label is Label.FACE and face.score >= rule.min_score]
    faces.sort(key=lambda face: face.box.area if face.box else 0, reverse=True)
    if not faces or faces[0].box is None:
        return tuple(faces)
    floor = faces[0].box.area * rule.min_area_share
    return tuple(face for face in faces if face.box is None or face.box.area >= floor)


def missing(evidence: Evidence, policy: Policy) -> tuple[Requirement, ...]:
    return tuple(need for need in Requirement if need in policy.requires and not _answered(need, evidence, policy))


def _answered(need: Requirement, evidence: Evidence, policy: Policy) -> bool:
    match need:
        case Requirement.BLUR:
            # The measured value is what the rule reads: a report without one says nothing.
            return any(finding.value is not None for finding in _labelled(evidence, Label.SHARPNESS))
        case Requirement.FACES:
            return evidence.report(Engine.FACES).answered
        case Requirement.NSFW:
            return evidence.report(Engine.NSFW).answered
        case Requirement.AGE:
            faces = counted_faces(evidence, policy.faces)
            return evidence.report(Engine.FACES).answered and all(face.age is not None for face in faces)


def _outcome(grounds: list[Ground]) -> Outcome:
    reasons = {ground.reason for ground in grounds}
    if Reason.MISSING_EVIDENCE in reasons or Reason.UNDERAGE in reasons:
        return Outcome.REVIEW
    if not grounds:
        return Outcome.APPROVE
    outcomes = {ground.outcome for ground in grounds}
    return Outcome.REJECT if Outcome.REJECT in outcomes else Outcome.REVIEW


def _grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    yield from _missing_grounds(evidence, policy)
    yield from _blur_grounds(evidence, policy)
    yield from _face_grounds(evidence, policy)
    yield from _age_grounds(evidence, policy)
    yield from _nsfw_grounds(evidence, policy)


def _missing_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    for need in missing(evidence, policy):
        engine = Engine.FACES if need is Requirement.AGE else Engine(need.value)
        detail = evidence.report(engine).detail
        text = f"no answer about {need.value}" + (f": {detail}" if detail else "")
        yield Ground(Reason.MISSING_EVIDENCE, Outcome.REVIEW, need.value, text=text)


def _blur_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    sharpness = next((f.value for f in _labelled(evidence, Label.SHARPNESS) if f.value is not None), None)
    rule = policy.blur
    if sharpness is None or sharpness >= rule.review_below:
        return
    face = next((f.value for f in _labelled(evidence, Label.FACE_SHARPNESS) if f.value is not None), None)
    if face is not None and face >= rule.face_sharp_at:
        return
    rejected = sharpness < rule.reject_below
    outcome, limit = (Outcome.REJECT, rule.reject_below) if rejected else (Outcome.REVIEW, rule.review_below)
    yield Ground(
        Reason.BLURRY,
        outcome,
        Label.SHARPNESS,
        sharpness,
        limit,
        f"sharpness {sharpness:.0f} is below {limit:.0f}",
    )


def _face_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    if not evidence.report(Engine.FACES).answered:
        return
    count = len(counted_faces(evidence, policy.faces))
    if count == 0:
        yield _no_face(evidence, policy.faces)
    elif count > 1:
        text = f"{count} people in front"
        yield Ground(Reason.GROUP_PHOTO, Outcome.REJECT, "faces", float(count), 1.0, text)


def _no_face(evidence: Evidence, rule: FaceRule) -> Ground:
    votes = evidence.report(Engine.NSFW).findings
    seen = max((f.score for f in votes if f.label is Label.FACE and f.score >= rule.min_score), default=None)
    if seen is None:
        return Ground(Reason.NO_FACE, Outcome.REJECT, "faces", 0.0, 1.0, "no face found")
    text = f"one engine found no face, another is {seen:.2f} sure of one"
    return Ground(Reason.NO_FACE, Outcome.REVIEW, "faces", seen, rule.min_score, text)


def _age_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    ages = [face.age for face in counted_faces(evidence, policy.faces) if face.age is not None]
    youngest = min(ages, key=lambda age: (age.low, age.high), default=None)
    if youngest is None or youngest.low >= policy.age.limit:
        return
    text = f"age {youngest.low}-{youngest.high} reaches below {policy.age.limit}"
    yield Ground(Reason.UNDERAGE, Outcome.REVIEW, "age", float(youngest.low), float(policy.age.limit), text)


def _nsfw_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    for label, zones in policy.nsfw.items():
        score = max((f.score for f in _labelled(evidence, label)), default=0.0)
        if zones.reject_at is not None and score >= zones.reject_at:
            outcome, limit = Outcome.REJECT, zones.reject_at
        elif zones.review_at is not None and score >= zones.review_at:
            outcome, limit = Outcome.REVIEW, zones.review_at
        else:
            continue
        yield Ground(Reason.NSFW, outcome, label, score, limit, f"{label} {score:.2f} reaches {limit:.2f}")
