"""A photo averaged over square blocks of pixels, in one pass over its bytes.

Three things begin with such averages: its sharpness and its perceptual hash with those of luminance, and the smaller
picture that a model sees with those of the colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from lomi_ops.imaging.pixels import Samples

WHOLE = 432
"""Averages that the longer side of a whole photo keeps at least, where it has so many pixels."""
_LUMA = (0.299, 0.587, 0.114, 0.0)
_BAND = 32
"""Rows of blocks that are summed at once: what lies between two sums is small enough to stay in the cache."""
_WIDEST = 16
"""Pixels at the side of a block whose sum still fits 16 bits."""

Grey = npt.NDArray[np.float32]
Sums = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Averages:
    """Up to a block of pixels at the right and bottom edge of the photo is left out of both."""

    side: int
    """Pixels at the side of a block."""
    grey: Grey
    """(rows, columns), luminance 0..255"""
    sums: Sums | None = None
    """(rows, columns, 4): each colour's sum over a block, where the samples had four bytes."""

    def picture(self, photo: Image.Image) -> Image.Image | None:
        """What Pillow's `photo.reduce(side)` gives, to the bit; None where there are no sums."""
        if self.sums is None:
            return None
        rows, columns = self.grey.shape
        width, height = -(-photo.width // self.side), -(-photo.height // self.side)
        pixels = np.empty((height, width, 4), dtype=np.uint8)
        for top in range(0, rows, _BAND):
            band = slice(top, min(top + _BAND, rows))
            pixels[band, :columns] = _rounded(self.sums[band], self.side**2)
        if width > columns:
            pixels[:, columns:, :3] = self._edge(photo, (columns * self.side, 0))
        if height > rows:
            pixels[rows:, :, :3] = self._edge(photo, (0, rows * self.side))
        return Image.frombytes("RGB", (width, height), pixels.data, "raw", "RGBX")

    def _edge(self, photo: Image.Image, start: tuple[int, int]) -> npt.NDArray[np.uint8]:
        return np.asarray(photo.reduce(self.side, box=(*start, *photo.size)))


def _rounded(sums: Sums, area: int) -> npt.NDArray[np.uint32]:
    """As Pillow's integers round: the reciprocal in 24 bits is often a little too small, and moves some by one."""
    levels = sums.astype(np.uint32)
    levels += np.uint32(area // 2)
    levels *= np.uint32((1 << 24) // area)
    levels >>= np.uint32(24)
    return levels


def averaged(samples: Samples, longest: float = WHOLE) -> Averages:
    """Over the largest whole blocks that leave `longest` of them at the longer side."""
    side = block_of(samples, longest)
    if samples.shape[2] == 4 and 1 < side <= _WIDEST:
        return _four_at_once(samples, side)
    return Averages(side, _luminance(samples, side))


def block_of(samples: Samples, longest: float = WHOLE) -> int:
    """Pixels at the side of such a block."""
    height, width = int(samples.shape[0]), int(samples.shape[1])
    return max(1, min(int(max(height, width) / longest), height, width))


def _four_at_once(samples: Samples, side: int) -> Averages:
    """Columns are added as words of 64 bits, four sums of 16 bits in each: none can carry into the next."""
    height, width = samples.shape[:2]
    rows, columns = height // side, width // side
    part = samples[: rows * side].reshape(rows, side, width * 4)
    weights = np.array(_LUMA, dtype=np.float32) / np.float32(side * side)
    words, grey = np.empty((rows, columns), dtype=np.uint64), np.empty((rows, columns), dtype=np.float32)
    for top in range(0, rows, _BAND):
        down = part[top : top + _BAND].sum(axis=1, dtype=np.uint16).view(np.uint64)
        down, across = down[:, : columns * side], words[top : top + _BAND]
        np.add(down[:, 0::side], down[:, 1::side], out=across)
        for place in range(2, side):
            across += down[:, place::side]
        colours = across.view(np.uint16).reshape(-1, 4).astype(np.float32)
        grey[top : top + _BAND] = (colours @ weights).reshape(-1, columns)
    return Averages(side, grey, words.view(np.uint16).reshape(rows, columns, 4))


def _luminance(samples: Samples, side: int) -> Grey:
    """Rows are summed first and as integers, then one product takes the columns and the luminance together: each is a
    pass over memory in its order."""
    height, width, bytes_ = samples.shape
    rows, columns = height // side, width // side
    part = samples[: rows * side, : columns * side].reshape(rows, side, columns * side * bytes_)
    total = np.uint16 if side <= 256 else np.uint32
    weights = np.tile(np.array(_LUMA[:bytes_], dtype=np.float32), side) / np.float32(side * side)
    grey = np.empty((rows, columns), dtype=np.float32)
    for top in range(0, rows, _BAND):
        summed = part[top : top + _BAND].sum(axis=1, dtype=total)
        cells = summed.reshape(-1, side * bytes_).astype(np.float32)
        grey[top : top + _BAND] = (cells @ weights).reshape(-1, columns)
    return grey
