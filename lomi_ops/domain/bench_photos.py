"""A photo as a judging leaves it, made up: for writing what workers write without looking at anything. Pure."""

from __future__ import annotations

from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision, decide
from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.policy import Policy, judge

_MODEL = "made-up-by-lomi-bench"
_EVIDENCE = Evidence(
    1600,
    1200,
    (
        EngineReport(
            Engine.BLUR, "laplacian", "1", EngineStatus.ANSWERED,
            (Finding(Label.SHARPNESS, 1.0, value=900.0), Finding(Label.FACE_SHARPNESS, 1.0, value=700.0)),
        ),
        EngineReport(
            Engine.FACES, _MODEL, "sha256:00", EngineStatus.ANSWERED,
            (Finding(Label.FACE, 0.98, Box(600, 200, 400, 400), "FACE", age=AgeRange(30, 40)),),
        ),
        EngineReport(
            Engine.NSFW, _MODEL, "sha256:00", EngineStatus.ANSWERED,
            tuple(Finding(label, 0.01, raw_label=label.value) for label in (Label.PORN, Label.SEXY, Label.HENTAI)),
        ),
    ),
)  # fmt: skip


def as_judged(media_id: UUID, policy: Policy) -> PhotoDecision:
    """The decision on it, with as much evidence as a real one has."""
    return decide(media_id, _EVIDENCE, judge(_EVIDENCE, policy), policy, ms=60.0, sha256="00" * 32)
