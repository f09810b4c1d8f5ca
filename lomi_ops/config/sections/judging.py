"""How photos are judged: what is decoded, by which models, by which thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from lomi_ops.config.sections.base import Score, Seconds, Section
from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import AgeRule, BlurRule, FaceRule, Policy, Requirement, Zones


class ImagesSection(Section):
    """The hygiene gate: what is decoded at all. Anything beyond is `failed`, never approved."""

    max_bytes: Annotated[int, Field(ge=1024)] = Field(25_000_000, description="bytes of one photo")
    max_pixels: Annotated[int, Field(ge=10_000)] = Field(50_000_000, description="width times height")
    max_side: Annotated[int, Field(ge=64)] = Field(12_000, description="pixels of the longer side")
    min_side: Annotated[int, Field(ge=1)] = Field(
        64, description="pixels of the shorter side; smaller cannot be judged"
    )
    max_ratio: Annotated[float, Field(ge=1)] = Field(5.0, description="longer side divided by shorter side")
    canonical_side: Annotated[int, Field(ge=320)] = Field(
        1600, description="longest side of the JPEG that CompreFace gets"
    )
    canonical_quality: Annotated[int, Field(ge=50, le=100)] = Field(90, description="quality of that JPEG")
    decode_timeout_s: Seconds = Field(20.0, description="seconds one photo may take in the judging process")
    memory_mb: Annotated[int, Field(ge=512)] = Field(3072, description="address space of a judging process in MiB")


class ModelsSection(Section):
    """Which model looks for nudity, and where models lie."""

    nsfw: tuple[str, ...] = Field(
        ("nudenet-320n",), description="names or manifest files of the NSFW models; all must answer"
    )
    local_faces: str = Field("nudenet-320n", description="model whose face labels are the local face detector")
    dir: Path | None = Field(None, description="folder of installed models; empty searches the standard places")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(1, description="ONNX threads per judging process")


class ZonesSection(Section):
    """Thresholds of one NSFW label; empty switches the zone off."""

    review_at: Score | None = Field(None, description="from this score on a person decides")
    reject_at: Score | None = Field(None, description="from this score on the photo is rejected")


class BlurSection(Section):
    """How sharp a photo must be."""

    # From benchmarks/calibrate_blur.py; docs/calibration.md has the table.
    reject_below: float = Field(
        50.0, ge=0, description="variance of the Laplacian at fixed size and contrast; below is rejected"
    )
    review_below: float = Field(65.0, ge=0, description="below this a person decides")
    face_sharp_at: float = Field(75.0, ge=0, description="a face crop this sharp rescues the photo")


class FacesSection(Section):
    """Which faces count as people in front."""

    min_score: Score = Field(0.47, description="faces below this score are not counted")
    min_area_share: Score = Field(0.25, description="share of the largest face's area from which a face counts")


class AgeSection(Section):
    """How old somebody must look."""

    limit: Annotated[int, Field(ge=13, le=30)] = Field(18, description="years; a range reaching below goes to a person")


class PolicySection(Section):
    """One named, versioned set of thresholds."""

    version: Annotated[int, Field(ge=1)] = Field(1, description="raise it with every change of a threshold")
    description: str = Field("", description="one sentence for people")
    requires: frozenset[Requirement] = Field(
        frozenset(Requirement), description="evidence without which nothing is approved: blur, faces, age, nsfw"
    )
    blur: BlurSection = BlurSection()
    faces: FacesSection = FacesSection()
    age: AgeSection = AgeSection()
    nsfw: dict[Label, ZonesSection] = Field(
        {
            # Chosen for NudeNet, whose scores are low by nature; docs/models.md has the sources and what to raise.
            Label.PORN: ZonesSection(review_at=0.25, reject_at=0.6),
            Label.SEXY: ZonesSection(review_at=0.5),
            Label.HENTAI: ZonesSection(review_at=0.3, reject_at=0.75),
        },
        description="zones per label: porn, sexy, hentai",
    )

    def to_policy(self, name: str) -> Policy:
        return Policy(
            name=name,
            version=self.version,
            requires=self.requires,
            blur=BlurRule(self.blur.reject_below, self.blur.review_below, self.blur.face_sharp_at),
            faces=FaceRule(self.faces.min_score, self.faces.min_area_share),
            age=AgeRule(self.age.limit),
            nsfw={label: Zones(zones.review_at, zones.reject_at) for label, zones in self.nsfw.items()},
            description=self.description,
        )


DEFAULT_POLICY = PolicySection(description="Faces with an age from CompreFace are required.")
LOCAL_POLICY = PolicySection(
    description="No age engine: ages are not checked. For machines without CompreFace.",
    requires=frozenset({Requirement.BLUR, Requirement.FACES, Requirement.NSFW}),
)


class PolicyChoice(Section):
    """What is approved, what is rejected, and what a person decides."""

    active: str | None = Field(None, description="name of the policy; empty: default with CompreFace, local without")
    policies: dict[str, PolicySection] = Field(
        {"default": DEFAULT_POLICY, "local": LOCAL_POLICY}, description="policies by name; shipped: default, local"
    )
