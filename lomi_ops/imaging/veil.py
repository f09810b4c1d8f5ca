"""A photo behind a veil: grey, and so coarse that nobody is seen in it. What leaves here carries no detail to undo."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lomi_ops.imaging.pixels import Pixels

GRAIN = 8
"""Pixels of the longer side that are kept: light and dark, left and right; neither a face nor skin."""
_LEVELS = 32
"""Steps of grey between them."""
_SHOWN = 320
"""Pixels of the longer side of the answer: drawn smooth, so that nobody takes the veil for a bad photo."""


def veiled(pixels: Pixels) -> Pixels:
    """A grey, blurred picture in about the photo's proportions, made from GRAIN pixels of it and nothing else."""
    height, width = pixels.shape[:2]
    coarse = Image.fromarray(pixels).convert("L").resize(_fitted(width, height, GRAIN), Image.Resampling.BOX)
    step = 256 // _LEVELS
    coarse = Image.fromarray(np.asarray(coarse) // step * step + step // 2)
    shown = coarse.resize(_fitted(width, height, _SHOWN), Image.Resampling.BICUBIC)
    return np.asarray(shown.convert("RGB"))


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    long = max(width, height)
    return max(1, round(width * side / long)), max(1, round(height * side / long))
