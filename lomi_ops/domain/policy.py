"""Named, versioned thresholds, and the one pure function that turns evidence into a verdict.

Three zones per label: below `review_at` a label speaks for approval, from `reject_at` on for rejection, in between
a person decides. Missing evidence never approves, and a suspected minor is always looked at by a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from lomi_ops.domain.finding import Engine, Evidence, Finding, Label
from lomi_ops.domain.verdict import Ground, Outcome, Reason, Verdict


class Requirement(StrEnum):
    """Evidence that a policy may demand before it approves."""

    BLUR = "blur"
    FACES = "faces"
    AGE = "age"
    NSFW = "nsfw"


@dataclass(frozen=True, slots=True)
class Zones:
    """Thresholds on a score in 0..1 where a higher score is worse. None switches a zone off."""

    review_at: float | None = None
    reject_at: float | None = None


@dataclass(frozen=True, slots=True)
class BlurRule:
    """Thresholds on the sharpness that the blur engine measures at a fixed size and contrast; higher is sharper."""

    reject_below: float
    review_below: float
    face_sharp_at: float
    """A face crop this sharp rescues a photo whose background is out of focus."""


@dataclass(frozen=True, slots=True)
class FaceRule:
    """Which faces count as people in front."""

    min_score: float
    min_area_share: float
    """Of the largest face's area, 0..1: smaller ones are people in the background."""


@dataclass(frozen=True, slots=True)
class AgeRule:
    limit: int = 18
    """Years. A range that reaches below it is looked at by a person."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds under a name and a version. Two policies with equal `ref` have equal thresholds."""

    name: str
    version: int
    requires: frozenset[Requirement]
    blur: BlurRule
    faces: FaceRule
    age: AgeRule = field(default_factory=AgeRule)
    nsfw: dict[Label, Zones] = field(default_factory=dict)
    description: str = ""

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


_NEEDS = tuple(Requirement)
_PRECEDENCE = (
    Reason.UNDERAGE,
    Reason.NSFW,
    Reason.BLURRY,
    Reason.NO_FACE,
    Reason.GROUP_PHOTO,
    Reason.CRASH,
    Reason.MISSING_EVIDENCE,
)
"""Which ground names the decision when several speak: safety first, then what hides the rest (a blurred face is
not found, so `blurry` is the honest answer)."""


def judge(evidence: Evidence, policy: Policy) -> Verdict:
    """The verdict on one photo. Pure: the same evidence and policy give the same verdict for ever.

    Missing evidence and suspected minors go to a person whatever the other grounds say; otherwise one ground for
    rejection rejects, one for review asks a person, and none approves.
    """
    grounds = sorted(_grounds(evidence, policy), key=weight)
    return Verdict(_outcome(grounds), policy.ref, tuple(grounds))


def counted_faces(evidence: Evidence, rule: FaceRule) -> tuple[Finding, ...]:
    """The people in front, largest first: confident enough, and not much smaller than the largest."""
    report = evidence.report(Engine.FACES)
    found = report.findings if report.answered else ()
    faces = [face for face in found if face.label is Label.FACE and face.score >= rule.min_score]
    faces.sort(key=lambda face: face.box.area if face.box else 0, reverse=True)
    if not faces or faces[0].box is None:
        return tuple(faces)
    floor = faces[0].box.area * rule.min_area_share
    return tuple(face for face in faces if face.box is None or face.box.area >= floor)


def missing(evidence: Evidence, policy: Policy) -> tuple[Requirement, ...]:
    """What the policy requires and no engine has answered, in the order of `Requirement`."""
    return _missing(evidence, policy, counted_faces(evidence, policy.faces))


def _missing(evidence: Evidence, policy: Policy, faces: tuple[Finding, ...]) -> tuple[Requirement, ...]:
    requires = policy.requires
    return tuple([need for need in _NEEDS if need in requires and not _answered(need, evidence, faces)])


def _answered(need: Requirement, evidence: Evidence, faces: tuple[Finding, ...]) -> bool:
    match need:
        case Requirement.BLUR:
            # The measured value is what the rule reads: a report without one says nothing.
            return any(finding.value is not None for finding in evidence.labelled(Label.SHARPNESS))
        case Requirement.FACES:
            return evidence.report(Engine.FACES).answered
        case Requirement.NSFW:
            return evidence.report(Engine.NSFW).answered
        case Requirement.AGE:
            return evidence.report(Engine.FACES).answered and None not in [face.age for face in faces]


def _outcome(grounds: list[Ground]) -> Outcome:
    reasons = {ground.reason for ground in grounds}
    if Reason.MISSING_EVIDENCE in reasons or Reason.UNDERAGE in reasons:
        return Outcome.REVIEW
    if not grounds:
        return Outcome.APPROVE
    outcomes = {ground.outcome for ground in grounds}
    return Outcome.REJECT if Outcome.REJECT in outcomes else Outcome.REVIEW


def weight(ground: Ground) -> tuple[int, int]:
    """The deciding ground first: what sends a photo to a person whatever else speaks, then rejections, then doubts."""
    if ground.reason in (Reason.UNDERAGE, Reason.MISSING_EVIDENCE):
        rank = 0
    else:
        rank = 1 if ground.outcome is Outcome.REJECT else 2
    return (rank, _PRECEDENCE.index(ground.reason))


def _grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    faces = counted_faces(evidence, policy.faces)
    yield from _missing_grounds(evidence, policy, faces)
    yield from _blur_grounds(evidence, policy)
    yield from _face_grounds(evidence, policy, faces)
    yield from _age_grounds(faces, policy)
    yield from _nsfw_grounds(evidence, policy)


def _missing_grounds(evidence: Evidence, policy: Policy, faces: tuple[Finding, ...]) -> Iterator[Ground]:
    for need in _missing(evidence, policy, faces):
        engine = Engine.FACES if need is Requirement.AGE else Engine(need.value)
        detail = evidence.report(engine).detail
        text = f"no answer about {need.value}" + (f": {detail}" if detail else "")
        yield Ground(Reason.MISSING_EVIDENCE, Outcome.REVIEW, need.value, text=text)


def _blur_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    sharpness = next((f.value for f in evidence.labelled(Label.SHARPNESS) if f.value is not None), None)
    rule = policy.blur
    if sharpness is None or sharpness >= rule.review_below:
        return
    face = next((f.value for f in evidence.labelled(Label.FACE_SHARPNESS) if f.value is not None), None)
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


def _face_grounds(evidence: Evidence, policy: Policy, faces: tuple[Finding, ...]) -> Iterator[Ground]:
    if not evidence.report(Engine.FACES).answered:
        return
    count = len(faces)
    if count == 0:
        yield _no_face(evidence, policy.faces)
    elif count > 1:
        text = f"{count} people in front"
        yield Ground(Reason.GROUP_PHOTO, Outcome.REJECT, "faces", float(count), 1.0, text)


def _no_face(evidence: Evidence, rule: FaceRule) -> Ground:
    """A face that the other detector saw makes a rejection a doubt: the two engines disagree."""
    votes = evidence.report(Engine.NSFW).findings
    seen = max((f.score for f in votes if f.label is Label.FACE and f.score >= rule.min_score), default=None)
    if seen is None:
        return Ground(Reason.NO_FACE, Outcome.REJECT, "faces", 0.0, 1.0, "no face found")
    text = f"one engine found no face, another is {seen:.2f} sure of one"
    return Ground(Reason.NO_FACE, Outcome.REVIEW, "faces", seen, rule.min_score, text)


def _age_grounds(faces: tuple[Finding, ...], policy: Policy) -> Iterator[Ground]:
    ages = [face.age for face in faces if face.age is not None]
    youngest = min(ages, key=lambda age: (age.low, age.high), default=None)
    if youngest is None or youngest.low >= policy.age.limit:
        return
    text = f"age {youngest.low}-{youngest.high} reaches below {policy.age.limit}"
    yield Ground(Reason.UNDERAGE, Outcome.REVIEW, "age", float(youngest.low), float(policy.age.limit), text)


def _nsfw_grounds(evidence: Evidence, policy: Policy) -> Iterator[Ground]:
    for label, zones in policy.nsfw.items():
        score = evidence.top_score(label)
        if zones.reject_at is not None and score >= zones.reject_at:
            outcome, limit = Outcome.REJECT, zones.reject_at
        elif zones.review_at is not None and score >= zones.review_at:
            outcome, limit = Outcome.REVIEW, zones.review_at
        else:
            continue
        yield Ground(Reason.NSFW, outcome, label, score, limit, f"{label} {score:.2f} reaches {limit:.2f}")
