"""What engines say about one photo. A finding is a statement; silence is `unavailable`, and never means safe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Engine(StrEnum):
    """Who looks at a photo."""

    BLUR = "blur"
    FACES = "faces"
    NSFW = "nsfw"


class EngineStatus(StrEnum):
    """Whether an engine answered. The zero value is the unsafe one on purpose."""

    UNAVAILABLE = "unavailable"
    ANSWERED = "answered"


class Label(StrEnum):
    """Our own names for what engines find; a manifest maps a model's names onto these."""

    SHARPNESS = "sharpness"
    """`value` is the variance of the Laplacian of the whole photo at the blur engine's fixed size and contrast."""
    FACE_SHARPNESS = "face_sharpness"
    """The same for the crop of the largest face."""
    FACE = "face"
    PORN = "porn"
    SEXY = "sexy"
    HENTAI = "hentai"
    NEUTRAL = "neutral"
    """Evidence that has no bearing on a decision, kept so that it can be explained."""


NSFW_LABELS = (Label.PORN, Label.SEXY, Label.HENTAI)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright photo, origin top left."""

    x: int
    y: int
    w: int
    h: int

    @property
    def area(self) -> int:
        return self.w * self.h

    def scaled(self, by: float) -> Box:
        """The same place in a photo that is `by` times as large."""
        return Box(round(self.x * by), round(self.y * by), round(self.w * by), round(self.h * by))


@dataclass(frozen=True, slots=True)
class AgeRange:
    """An estimated age in years, both ends included. An estimate is never a verification."""

    low: int
    high: int
    confidence: float | None = None
    """0..1, or None where the engine has none (InsightFace builds answer a constant 1.0)."""

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an engine says about a photo."""

    label: Label
    score: float
    """0..1, the engine's own confidence; 1.0 for a measurement such as sharpness."""
    box: Box | None = None
    raw_label: str = ""
    """The name that the model itself uses, e.g. `FEMALE_BREAST_EXPOSED`."""
    value: float | None = None
    """A measured quantity that is not a score (variance); its unit is the label's."""
    age: AgeRange | None = None


@dataclass(frozen=True, slots=True)
class EngineReport:
    """All that one engine says about one photo. A report built without a status is no clearance."""

    engine: Engine
    model: str = ""
    """Name and mode, e.g. `nudenet-320n/rgb`, `compreface/agegender.AgeDetector`."""
    version: str = ""
    """What tells two builds apart: the sha256 of the model file, or the service's own version."""
    status: EngineStatus = EngineStatus.UNAVAILABLE
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    """Why it is unavailable."""
    elapsed_ms: float = 0.0

    @property
    def answered(self) -> bool:
        return self.status is EngineStatus.ANSWERED


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about one decoded photo."""

    width: int
    """Pixels of the upright photo."""
    height: int
    reports: tuple[EngineReport, ...] = ()

    def report(self, engine: Engine) -> EngineReport:
        """The engine's report; an unavailable one where it never spoke."""
        for report in self.reports:
            if report.engine is engine:
                return report
        return EngineReport(engine, detail="the engine did not run")

    def labelled(self, *labels: Label) -> Iterator[Finding]:
        """Findings with one of these labels, from engines that answered."""
        for report in self.reports:
            if report.status is EngineStatus.ANSWERED:
                for finding in report.findings:
                    if finding.label in labels:
                        yield finding

    def top_score(self, label: Label) -> float:
        """The highest score for a label, 0.0 where nothing was found. Check `answered` before trusting a zero."""
        # One list and no generators: a hundred thousand photos are judged again at a time.
        scores = [
            finding.score
            for report in self.reports
            if report.status is EngineStatus.ANSWERED
            for finding in report.findings
            if finding.label == label
        ]
        return max(scores, default=0.0)
