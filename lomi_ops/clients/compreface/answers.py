"""What CompreFace says, parsed at the edge: faces of a detection, plugins of a status.

Unknown keys are ignored and no order is expected. What cannot be true is a fault of the service (FacesUnavailable),
never a face and never its absence. Messages go on after "CompreFace at <URL>".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lomi_ops.domain.finding import AgeRange, Box, Finding, Label
from lomi_ops.errors import FacesUnavailable

_ROUNDING = 1e-6
"""Probabilities are float32 at the source."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Probability = Annotated[float, Field(ge=0.0, le=1.0 + _ROUNDING, allow_inf_nan=False)]
_Years = Annotated[int, Field(ge=0, le=150)]


class SentBox(_Wire):
    """Pixels of the image that was sent. InsightFace builds do not clip, so a face at the border may be negative."""

    probability: _Probability
    x_min: _Finite
    y_min: _Finite
    x_max: _Finite
    y_max: _Finite


class Age(_Wire):
    low: _Years
    high: _Years
    probability: _Probability | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("the age range is upside down")
        return self


class Face(_Wire):
    box: SentBox
    age: Age | None = None


class Answer(_Wire):
    """Body of a 200. Without faces CompreFace answers 400, so an empty list is not an answer."""

    result: Annotated[tuple[Face, ...], Field(min_length=1)]
    plugins_versions: dict[str, Any] = {}

    @property
    def plugins(self) -> dict[str, str]:
        return {slug: name for slug, name in self.plugins_versions.items() if name and isinstance(name, str)}


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one CompreFace is made of. Empty where it has not said so yet."""

    build: str = ""
    """`1.2.0`; only the core's status knows it."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Slug to build, e.g. age to `agegender.AgeDetector`."""

    @property
    def age(self) -> str:
        return self.plugins.get("age", "")

    @property
    def points_at_ages(self) -> bool:
        """InsightFace builds name one year with a constant probability; the others name a bucket of years."""
        return self.age.startswith("insightface")

    @property
    def model(self) -> str:
        return f"compreface/{self.age}" if self.age else "compreface"

    @property
    def whole(self) -> bool:
        """Whether model and version say all that can be told of it: what only answers for the API has no build."""
        return bool(self.build and self.age and self.plugins.get("detector"))

    @property
    def version(self) -> str:
        return " ".join(part for part in (self.build, self.plugins.get("detector", "")) if part)

    def updated(self, plugins: Mapping[str, str]) -> Inventory:
        return Inventory(self.build, {**self.plugins, **plugins})


def read_answer(body: bytes) -> Answer:
    """Raises FacesUnavailable for anything but a complete, possible answer."""
    try:
        return Answer.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise FacesUnavailable(f"sends an impossible answer: {place}: {first['msg']}") from error


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one for everything else (the gateway answers unknown paths with its web page)."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def read_inventory(body: bytes) -> Inventory | None:
    """The core's `/status`, or None where this is something else."""
    status = read_object(body)
    plugins = status.get("available_plugins")
    if status.get("status") != "OK" or not isinstance(plugins, dict):
        return None
    return Inventory(str(status.get("build_version") or ""), {str(k): str(v) for k, v in plugins.items()})


def findings(answer: Answer, scale: float, size: tuple[int, int]) -> tuple[Finding, ...]:
    """Faces in pixels of the upright photo of `size` (width, height); a sent pixel is `scale` of those.

    Raises FacesUnavailable where the service is at fault.
    """
    sent = (size[0] / scale, size[1] / scale)
    for face in answer.result:
        if _is_fake(face.box, *sent):
            raise FacesUnavailable("skips detection and calls the whole frame a face (detect_faces stuck)")
    return tuple(_finding(face, scale, size) for face in answer.result)


def _finding(face: Face, scale: float, size: tuple[int, int]) -> Finding:
    age = _age(face.age) if face.age else None
    score = min(face.box.probability, 1.0)
    return Finding(Label.FACE, score, _box(face.box, scale, size), raw_label="face", age=age)


def _age(age: Age) -> AgeRange:
    """A probability of exactly 1 on a single year is InsightFace's constant, not a confidence."""
    constant = age.low == age.high and age.probability is not None and age.probability >= 1.0
    confidence = None if age.probability is None or constant else min(age.probability, 1.0)
    return AgeRange(age.low, age.high, confidence)


def _box(box: SentBox, scale: float, size: tuple[int, int]) -> Box:
    left, right = (_clamp(x * scale, size[0]) for x in (box.x_min, box.x_max))
    top, bottom = (_clamp(y * scale, size[1]) for y in (box.y_min, box.y_max))
    if right <= left or bottom <= top:
        raise FacesUnavailable("sends an impossible answer: a face outside of the photo")
    return Box(left, top, right - left, bottom - top)


def _clamp(value: float, limit: int) -> int:
    return round(min(max(value, 0.0), float(limit)))


_FACENET_RIGHT, _FACENET_BOTTOM = 1.2230769, 1.0986842
"""1 + `right_margin` and `bottom_margin` of facenet.FaceDetector (facenet.py)."""

_CORE_SIDE = 640
"""Pixels of the longer side that the core scales a photo down to (`IMG_LENGTH_LIMIT`)."""


def _is_fake(box: SentBox, width: float, height: float) -> bool:
    """The face that a core with a stuck `detect_faces=false` makes up: certain, and from the upper left corner.

    InsightFace builds call the whole frame a face. FaceNet builds mix up width and height before they add margins, so
    theirs is the whole frame only in a square image. The core cuts each figure to a whole pixel of its own downscale,
    before and after the margin: in a long, narrow photo that is much more than 1 % of the short side.
    """
    pixel = max(1.0, max(width, height) / _CORE_SIDE)
    cut = (1 + _FACENET_RIGHT) * pixel + 2
    slack_x, slack_y = max(cut, width / 100), max(cut, height / 100)
    if box.probability < 1.0 or box.x_min > slack_x or box.y_min > slack_y:
        return False
    corners = (
        (width, height),
        (min(height * _FACENET_RIGHT, width), min(width * _FACENET_BOTTOM, height)),
    )
    return any(abs(box.x_max - x) <= slack_x and abs(box.y_max - y) <= slack_y for x, y in corners)
