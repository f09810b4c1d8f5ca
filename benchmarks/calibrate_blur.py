"""Calibrates the blur engine on labelled sharp portraits and writes the blur section of docs/calibration.md.

    python -m benchmarks.calibrate_blur --photos ../shared/photos [--models DIR] [--write]

`--models` names the folder of the installed local face detector; without it the face is taken to be the upper middle
of every photo. The photos are not ours and never enter the repository.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from lomi_ops.config.model_files import require
from lomi_ops.config.sections.judging import LOCAL_POLICY, ImagesSection
from lomi_ops.domain.finding import Box, EngineReport, Evidence, Label
from lomi_ops.domain.policy import BlurRule, Policy, Requirement, judge
from lomi_ops.domain.verdict import Outcome
from lomi_ops.errors import ModelError
from lomi_ops.imaging.decode import decode
from worker.engines import blur
from worker.engines.load import load_model

Pixels = npt.NDArray[np.uint8]
FaceOf = Callable[[Pixels], Box | None]

DOCUMENT = Path(__file__).parents[1] / "docs" / "calibration.md"
BEGIN, END = "<!-- blur: written by benchmarks/calibrate_blur.py -->", "<!-- end of blur -->"
LADDER = (0, 1, 2, 3, 4, 6, 8)
STANDARD = 1600
"""Longest side at which the ladder's sigmas are meant."""
SMALL = (256, 192, 128)
"""Longest sides of photos that hold less detail than is measured."""
BOKEH = 16.0
"""Sigma, at the standard size, of everything but the face."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the engine says about one variant of one photo."""

    photo: str
    variant: str
    value: float
    face: float | None
    outcome: Outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with photos and expected.csv")
    parser.add_argument("--models", type=Path, help="folder of the installed local face detector")
    parser.add_argument("--write", action="store_true", help="write docs/calibration.md")
    args = parser.parse_args()
    face_of, detector = face_finder(args.models)
    policy = blur_policy()
    measured = [one for name in portraits(args.photos) for one in measure(args.photos / name, face_of, policy)]
    text = render(measured, policy.blur, detector)
    print(text)
    if args.write:
        write(text)


def portraits(folder: Path) -> list[str]:
    """The photos of one person that `expected.csv` calls sharp."""
    with (folder / "expected.csv").open(newline="") as file:
        return [row["file"] for row in csv.DictReader(file) if row["people"] == "1"]


def blur_policy() -> Policy:
    """The shipped thresholds with nothing required but blur."""
    return LOCAL_POLICY.model_copy(update={"requires": frozenset({Requirement.BLUR})}).to_policy("blur-only")


def face_finder(models: Path | None) -> tuple[FaceOf, str]:
    """The largest face by the local detector, or the upper middle of the photo where it is not installed."""
    try:
        manifest, path, sha256 = require("nudenet-320n", models)
    except ModelError:
        return upper_middle, "the upper middle of each photo (no detector installed)"
    model = load_model(manifest, path, sha256=sha256)

    def largest(pixels: Pixels) -> Box | None:
        boxes = [f.box for f in model.look(pixels) if f.label is Label.FACE and f.box is not None]
        return max(boxes, key=lambda box: box.area, default=None)

    return largest, f"the largest face that {manifest.ref} finds in that very variant"


def upper_middle(pixels: Pixels) -> Box | None:
    height, width = pixels.shape[:2]
    return Box(width * 3 // 10, height // 10, width * 4 // 10, height * 4 // 10)


def measure(path: Path, face_of: FaceOf, policy: Policy) -> Iterator[Measured]:
    """All variants of one photo."""
    native = Image.fromarray(decode(path.read_bytes(), ImagesSection()).pixels)
    for variant, image in variants(native, face_of):
        pixels = np.asarray(image)
        report = blur.sharpness(pixels, face_of(pixels))
        values = {finding.label: finding.value for finding in report.findings}
        whole, face = values[Label.SHARPNESS], values.get(Label.FACE_SHARPNESS)
        assert whole is not None
        yield Measured(path.name, variant, whole, face, outcome_of(report, image.size, policy))


def outcome_of(report: EngineReport, size: tuple[int, int], policy: Policy) -> Outcome:
    return judge(Evidence(*size, (report,)), policy).outcome


def variants(native: Image.Image, face_of: FaceOf) -> Iterator[tuple[str, Image.Image]]:
    yield "1x", native
    yield "0.5x", resized(native, 0.5)
    yield "0.5x bilinear", resized(native, 0.5, Image.Resampling.BILINEAR)
    if native.width * native.height * 4 <= ImagesSection().max_pixels:
        yield "2x", resized(native, 2.0)
        yield "2x bilinear", resized(native, 2.0, Image.Resampling.BILINEAR)
    for side in SMALL:
        yield f"{side} pixels", resized(native, side / max(native.size))
    standard = resized(native, STANDARD / max(native.size))
    for sigma in LADDER:
        soft = standard.filter(ImageFilter.GaussianBlur(sigma))
        yield f"sigma {sigma}", as_jpeg(soft)
        if sigma in (4, 8):
            yield f"sigma {sigma} 0.5x", as_jpeg(resized(soft, 0.5))
            yield f"sigma {sigma} 2x", as_jpeg(resized(soft, 2.0))
    face = face_of(np.asarray(standard))
    if face is not None:
        yield "bokeh", as_jpeg(bokeh(standard, face))


def resized(image: Image.Image, factor: float, how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), how)


def as_jpeg(image: Image.Image) -> Image.Image:
    """Through a file, as photos come: JPEG noise is part of what a blurred photo looks like."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return Image.open(buffer).convert("RGB")


def bokeh(image: Image.Image, face: Box) -> Image.Image:
    """Only the ellipse around the face stays sharp."""
    across, down = np.arange(image.width), np.arange(image.height)[:, None]
    x = (across - face.x - face.w / 2) / (face.w * 0.65)
    y = (down - face.y - face.h / 2) / (face.h * 0.65)
    inside = Image.fromarray(((x**2 + y**2 <= 1) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(4))
    return Image.composite(image, image.filter(ImageFilter.GaussianBlur(BOKEH)), inside)


# The report.


def render(measured: Sequence[Measured], rule: BlurRule, detector: str) -> str:
    count = len({one.photo for one in measured})
    return "\n".join(
        [
            "## Blur",
            "",
            f"Measure: `{blur.MODEL}` version {blur.VERSION}; photo at {blur.SIDE} pixels, face at {blur.FACE_SIDE}.",
            f"Photos: {count} sharp portraits; face: {detector}.",
            "",
            f"Thresholds: rejected below **{rule.reject_below:g}**, to a person below **{rule.review_below:g}**;",
            f"a face of **{rule.face_sharp_at:g}** and more rescues the photo.",
            "",
            *distribution_table(measured),
            "",
            *outcome_table(measured),
            "",
            *scale_lines(measured),
            "",
            *ladder_lines(measured),
            "",
            WHAT_IT_IS_NOT,
        ]
    )


WHAT_IT_IS_NOT = """\
What this is not: the sharp photos are press portraits, not phone photos from the app; the blurred ones are Gaussian
blurs of the same photos, not shaken hands or missed focus; the bokeh is an ellipse, not a lens. Noise, text and sharp
frames around a blurred photo raise the score. A photo of fewer pixels than are measured scores lower the smaller it
is, and so does the half size of a small photo: the wide spreads of sharp photos come from there, far above the
thresholds. Near them the spread is a few per cent, so only a photo within that of a threshold can get another decision
at another size. Calibrate again on your own overturned rejections: `policy.policies.*.blur`."""


def distribution_table(measured: Sequence[Measured]) -> list[str]:
    rows = ["| variant | photos | min | 5 % | 50 % | 95 % | max | face min | face 5 % | face 50 % | face max |"]
    rows.append("|---" * 11 + "|")
    for variant in order(measured):
        values = np.array([one.value for one in measured if one.variant == variant])
        faces = [one.face for one in measured if one.variant == variant and one.face is not None]
        low, five, half, most, high = (f"{v:.0f}" for v in np.percentile(values, (0, 5, 50, 95, 100)))
        face = [f"{v:.0f}" for v in np.percentile(faces, (0, 5, 50, 100))] if faces else ["-"] * 4
        rows.append("| " + " | ".join([variant, str(len(values)), low, five, half, most, high, *face]) + " |")
    return rows


def outcome_table(measured: Sequence[Measured]) -> list[str]:
    rows = ["| variant | approve | review | reject |", "|---|---|---|---|"]
    for variant in order(measured):
        outcomes = [one.outcome for one in measured if one.variant == variant]
        rows.append(f"| {variant} | " + " | ".join(str(outcomes.count(outcome)) for outcome in Outcome) + " |")
    return rows


def scale_lines(measured: Sequence[Measured]) -> list[str]:
    """Whether one photo gets one decision at every size."""
    families = {
        "sharp, 0.5x, 1x and 2x": ("1x", "0.5x", "2x"),
        "sharp, bilinear resize": ("1x", "0.5x bilinear", "2x bilinear"),
        "sigma 8, 0.5x, 1x and 2x": ("sigma 8", "sigma 8 0.5x", "sigma 8 2x"),
        "sigma 4, 0.5x, 1x and 2x": ("sigma 4", "sigma 4 0.5x", "sigma 4 2x"),
    }
    lines = [
        "| one photo at three sizes | different decisions | score spread 50 % | 90 % | max |",
        "|---|---|---|---|---|",
    ]
    for name, family in families.items():
        groups = [[one for one in group if one.variant in family] for group in by_photo(measured)]
        flips = sum(len({one.outcome for one in group}) > 1 for group in groups)
        spreads = [spread([one.value for one in group]) for group in groups]
        numbers = " | ".join(f"{v:.1%}" for v in np.percentile(spreads, (50, 90, 100)))
        lines.append(f"| {name} | {flips} of {len(groups)} | {numbers} |")
    return lines


def ladder_lines(measured: Sequence[Measured]) -> list[str]:
    steps = [f"sigma {sigma}" for sigma in LADDER]
    falling = 0
    for group in by_photo(measured):
        values = {one.variant: one.value for one in group}
        ladder = [values[step] for step in steps]
        falling += all(sharper > softer for sharper, softer in pairwise(ladder))
    return [f"The score falls at every step of the ladder for {falling} of {len(by_photo(measured))} photos."]


def order(measured: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(one.variant for one in measured))


def by_photo(measured: Sequence[Measured]) -> list[list[Measured]]:
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        groups.setdefault(one.photo, []).append(one)
    return list(groups.values())


def spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / max(values)


def write(text: str) -> None:
    """Replaces our section and leaves the rest of the document alone."""
    section = f"{BEGIN}\n\n{text}\n\n{END}"
    before = DOCUMENT.read_text() if DOCUMENT.exists() else "# Calibration\n\nWhere the shipped thresholds come from.\n"
    if BEGIN in before and END in before:
        head, rest = before.split(BEGIN, 1)
        after = head + section + rest.split(END, 1)[1]
    else:
        after = before.rstrip("\n") + "\n\n" + section + "\n"
    DOCUMENT.write_text(after)


if __name__ == "__main__":
    main()
