"""Builders for evidence in tests."""

from __future__ import annotations

from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.policy import AgeRule, BlurRule, FaceRule, Policy, Requirement, Zones

POLICY = Policy(
    name="test",
    version=3,
    requires=frozenset(Requirement),
    blur=BlurRule(reject_below=20, review_below=40, face_sharp_at=60),
    faces=FaceRule(min_score=0.5, min_area_share=0.25),
    age=AgeRule(18),
    nsfw={Label.PORN: Zones(0.3, 0.6), Label.SEXY: Zones(0.7, None), Label.HENTAI: Zones(None, 0.75)},
)

ADULT = AgeRange(25, 32, 0.9)


def face(score: float = 0.9, side: int = 100, age: AgeRange | None = ADULT) -> Finding:
    return Finding(Label.FACE, score, Box(10, 10, side, side), age=age)


def answered(engine: Engine, *findings: Finding) -> EngineReport:
    return EngineReport(engine, "m", "v", EngineStatus.ANSWERED, findings)


def evidence(
    sharpness: float | None = 300.0,
    faces: tuple[Finding, ...] | None = (face(),),
    nsfw: tuple[Finding, ...] | None = (),
    face_sharpness: float | None = None,
) -> Evidence:
    """A good photo unless told otherwise; None for an engine that gave no answer."""
    reports = []
    if sharpness is not None:
        blur = [Finding(Label.SHARPNESS, 1.0, value=sharpness)]
        if face_sharpness is not None:
            blur.append(Finding(Label.FACE_SHARPNESS, 1.0, value=face_sharpness))
        reports.append(answered(Engine.BLUR, *blur))
    if faces is not None:
        reports.append(answered(Engine.FACES, *faces))
    if nsfw is not None:
        reports.append(answered(Engine.NSFW, *nsfw))
    return Evidence(640, 480, tuple(reports))


def nsfw(label: Label, score: float) -> Finding:
    return Finding(label, score, raw_label=str(label))
