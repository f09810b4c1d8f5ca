"""Which part of a photo is shown, and at how many pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lomi_ops.imaging.pixels import Pixels

_CLOSEST = 8
"""Times: beyond that a photo is only pixels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of a photo: 1 is all of it, 2 half its width and height, around a centre in shares of it."""

    zoom: int = 1
    x: float = 0.5
    y: float = 0.5

    def closer(self) -> Frame:
        """Twice as close; from the closest back to the whole photo."""
        return Frame() if self.zoom >= _CLOSEST else replace(self, zoom=self.zoom * 2)

    def moved(self, right: int, down: int) -> Frame:
        """By quarters of what is shown, not beyond the photo's edge."""
        half = 0.5 / self.zoom
        step = half / 2
        x = min(max(self.x + right * step, half), 1 - half)
        y = min(max(self.y + down * step, half), 1 - half)
        return replace(self, x=x, y=y)


def framed(pixels: Pixels, frame: Frame, width: int, height: int) -> Pixels:
    """The part, as large as it fits into so many pixels, in its own proportions. Enlarges as well."""
    import numpy as np
    from PIL import Image

    tall, wide = pixels.shape[:2]
    part_width, part_height = max(1, wide // frame.zoom), max(1, tall // frame.zoom)
    left = min(max(0, round(frame.x * wide - part_width / 2)), wide - part_width)
    top = min(max(0, round(frame.y * tall - part_height / 2)), tall - part_height)
    part = Image.fromarray(pixels[top : top + part_height, left : left + part_width])
    scale = min(width / part_width, height / part_height)
    size = (max(1, min(width, round(part_width * scale))), max(1, min(height, round(part_height * scale))))
    # HAMMING makes smaller as well as LANCZOS at a quarter of its cost.
    kind = Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(part.resize(size, kind, reducing_gap=2.0))
