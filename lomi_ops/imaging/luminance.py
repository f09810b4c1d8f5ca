"""How bright a photo is, averaged over blocks of pixels: what its sharpness and its perceptual hash are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lomi_ops.imaging.colour import Pixels

LUMA = np.array((0.299, 0.587, 0.114), dtype=np.float32)
WHOLE = 432
"""Averages that the longer side of a whole photo keeps at least, where it has so many pixels."""
_BAND = 32
"""Rows of blocks that are summed at once."""

Grey = npt.NDArray[np.float32]


def luminance(pixels: Pixels, longest: float = WHOLE) -> Grey:
    """(rows, columns), 0..255: averages over the largest whole blocks that leave `longest` of them at the longer side.

    Up to a block of pixels at the right and bottom edge is left out. Rows are summed first and as integers, then one
    product takes the columns and the luminance together: each is a pass over contiguous memory.
    """
    block = block_of(pixels, longest)
    height, width = pixels.shape[:2]
    rows, columns = height // block, width // block
    part = pixels[: rows * block, : columns * block].reshape(rows, block, columns * block * 3)
    total = np.uint16 if block <= 256 else np.uint32
    weights = np.tile(LUMA, block) / np.float32(block * block)
    grey = np.empty((rows, columns), dtype=np.float32)
    for top in range(0, rows, _BAND):
        # What lies between the two sums is small enough to stay in the cache.
        summed = part[top : top + _BAND].sum(axis=1, dtype=total)
        cells = summed.reshape(-1, block * 3).astype(np.float32)
        grey[top : top + _BAND] = (cells @ weights).reshape(-1, columns)
    return grey


def block_of(pixels: Pixels, longest: float = WHOLE) -> int:
    """Pixels at the side of such a block."""
    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    return max(1, min(int(max(height, width) / longest), height, width))
