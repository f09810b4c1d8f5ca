"""Which image shows whom: by hash, by a note inside the image, by a function of its pixels, or a default."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

Pixels = NDArray[np.uint8]
"""Height x width x 3, as the core sees it: never rotated."""

NOTE = "lomi-faces"
"""PNG text chunk, or the start of an EXIF ImageDescription or a JPEG comment, followed by JSON."""


@dataclass(frozen=True)
class Face:
    """A face that the double reports. Coordinates are shares of the image, 0..1, unless `pixels` is set."""

    box: tuple[float, float, float, float] = (0.3, 0.2, 0.7, 0.8)
    """x_min, y_min, x_max, y_max."""
    probability: float = 0.9987
    age: float = 28.0
    """Years; the personality makes a bucket or a single year of it."""
    age_probability: float = 0.93
    gender: str = "female"
    pixels: bool = False

    def corners(self, width: int, height: int) -> tuple[int, int, int, int]:
        x, y = (1, 1) if self.pixels else (width, height)
        left, top, right, bottom = self.box
        return round(left * x), round(top * y), round(right * x), round(bottom * y)


ADULT = Face()

Seer = Callable[[Pixels], Sequence[Face]]


@dataclass
class Script:
    """Asked in this order: hash of the bytes, note in the image, `seer`, `default`."""

    by_hash: dict[str, Sequence[Face]] = field(default_factory=dict)
    default: Sequence[Face] = (ADULT,)
    seer: Seer | None = None
    """Faces from pixels, for instance a local detector's."""

    def tell(self, image: bytes, faces: Sequence[Face]) -> None:
        """From now on these bytes show these faces."""
        self.by_hash[hashlib.sha256(image).hexdigest()] = tuple(faces)

    def faces(self, image: bytes, opened: Image.Image, pixels: Pixels) -> Sequence[Face]:
        told = self.by_hash.get(hashlib.sha256(image).hexdigest())
        if told is not None:
            return told
        noted = _noted(opened)
        if noted is not None:
            return noted
        return self.seer(pixels) if self.seer else self.default


def marked_png(faces: Sequence[Face], size: tuple[int, int] = (400, 500), mode: str = "RGB") -> bytes:
    """A grey image that says by itself whom it shows."""
    note = PngInfo()
    note.add_text(NOTE, note_json(faces))
    out = io.BytesIO()
    Image.new(mode, size, _grey(mode)).save(out, "PNG", pnginfo=note)
    return out.getvalue()


def note_json(faces: Sequence[Face]) -> str:
    return json.dumps([asdict(face) for face in faces])


def _grey(mode: str) -> Any:
    return 128 if len(mode) == 1 else (128,) * len(mode)


def _noted(opened: Image.Image) -> Sequence[Face] | None:
    text = opened.info.get(NOTE)
    if text is None:
        candidates = (opened.info.get("comment"), opened.getexif().get(ExifTags.Base.ImageDescription))
        text = next((found for found in map(_after_mark, candidates) if found is not None), None)
    if text is None:
        return None
    return [Face(**{**entry, "box": tuple(entry["box"])}) for entry in json.loads(text)]


def _after_mark(value: object) -> str | None:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or not text.startswith(NOTE):
        return None
    return text.removeprefix(NOTE)
