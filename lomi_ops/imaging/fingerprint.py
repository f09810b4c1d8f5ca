"""The perceptual hash: 256 low frequencies of a picture's luminance, each above or below their median.

The idea is the published one of DCT hashes: JPEG quality, size and brightness hardly move a low frequency, and a frame
moves all of them. Hence the steps:

* **luminance**: averaged over whole blocks of pixels, the same averages that sharpness is measured on;
* **frame**: an even edge that ends at once is taken off, on each side, since people frame a photo to pass it as new.
  It is looked for in colour, in coarser blocks, and only where the outermost of them are even;
* **grid**: what is left is averaged over 64 x 64 equal cells, so that size and proportions do not matter;
* **frequencies**: the cosines 1 to 16 in both directions, without the brightness of the whole;
* **bits**: set where a frequency is above the median, in the order of the rows.

A picture in which too few frequencies stand clear of the median has no hash: noise alone would set its bits, and all
black photos would be the same. `benchmarks/fingerprint.py` measures it; `docs/quality.md` has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.imaging.averages import Grey
from lomi_ops.imaging.pixels import Samples
from lomi_ops.imaging.view import Photo, View

GRID = 64
FREQUENCIES = 16
LEAST_CLEAR = 0.5
"""Share of the frequencies that must stand clear of the median."""
_NOISE = 0.05
"""Grey levels of amplitude that noise and rounding give a frequency."""
_BLOCKS = 200
"""Rows and columns of coarse blocks at least, where the picture has so many pixels."""
_BAND = 16
"""Rows of coarse blocks that are summed at once."""
_EVEN = 14.0
"""Levels of a colour by which a block may differ from the rest of a frame."""
_ODD = 0.05
"""Share of a frame's row that may differ by more: what JPEG leaves of an edge nearby."""
_STRAIGHT = 0.3
"""Share of the row after next that must differ from the frame. The outline of something round covers less."""
_DEEPEST = 0.3
"""Share of a side that a frame takes at most."""

Floats = npt.NDArray[np.float32]


def fingerprint(photo: Photo) -> Fingerprint | None:
    """Of an upright RGB picture; None where it shows too little to be told from others."""
    view = View.of(photo)
    grey, block = view.averages.grey, view.averages.side
    (top, bottom), (left, right) = (tuple(edge / block for edge in edges) for edges in _shown(view))
    down, across = _cosines(grey.shape[0], top, bottom), _cosines(grey.shape[1], left, right)
    waves = down @ grey @ across.T
    away = waves - np.median(waves)
    if np.mean(np.abs(away) > _NOISE) < LEAST_CLEAR:
        return None
    return Fingerprint(np.packbits(away.ravel() > 0).tobytes())


def _shown(view: View) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the picture begins and ends between frames, down and across, in pixels."""
    (width, height), samples, side = view.size, view.samples, view.averages.side
    tall, wide = max(1, height // _BLOCKS), max(1, width // _BLOCKS)

    def rows_of(part: slice) -> Floats:
        return _blocks(samples[part.start * tall : part.stop * tall], tall, wide)

    top, bottom = _between(rows_of, view.averages.grey, height, tall)
    inside = samples[int(top / tall) * tall : int(bottom / tall) * tall]

    def columns_of(part: slice) -> Floats:
        return _blocks(inside[:, part.start * wide : part.stop * wide], tall, wide).swapaxes(0, 1)

    grey = view.averages.grey[int(top / side) : int(bottom / side)]
    return (top, bottom), _between(columns_of, grey.T, width, wide)


def _between(blocks: Callable[[slice], Floats], grey: Grey, length: int, block: int) -> tuple[float, float]:
    """Where the picture begins and ends between two frames on opposite sides, in pixels."""
    count = length // block
    if count < GRID:
        return 0, length
    before = 0.0 if _uneven(grey[0]) else _frame(lambda number: blocks(slice(0, number)), count)
    after = 0.0 if _uneven(grey[-1]) else _frame(lambda number: blocks(slice(count - number, count))[::-1], count)
    return before * block, (count - after) * block if after else length


def _uneven(edge: Grey) -> bool:
    """Whether an edge is so far from even that it need not be looked at in colour; most are."""
    return bool(np.mean(np.abs(edge - np.median(edge)) > 2 * _EVEN) > 0.5)


def _blocks(samples: Samples, tall: int, wide: int) -> Floats:
    """Averages over blocks, (rows, columns, 3). Less than a block at the right and at the bottom is left out."""
    rows, columns, each = samples.shape[0] // tall, samples.shape[1] // wide, samples.shape[2]
    part = samples[: rows * tall, : columns * wide].reshape(rows, tall, columns * wide * each)
    total = np.uint16 if tall <= 256 else np.uint32
    weights = _means(each, tall, wide)
    averages = np.empty((rows, columns, 3), dtype=np.float32)
    for top in range(0, rows, _BAND):
        # Rows first and as integers, then one product takes the columns: both read memory in its order, and what lies
        # between them is small enough to stay in the cache.
        summed = part[top : top + _BAND].sum(axis=1, dtype=total)
        cells = summed.reshape(-1, wide * each).astype(np.float32)
        np.matmul(cells, weights, out=averages[top : top + _BAND].reshape(-1, 3))
    return averages


@lru_cache(maxsize=64)
def _means(each: int, tall: int, wide: int) -> Floats:
    """(bytes of a row of a block, 3): what takes a block's sums down to the averages of its colours."""
    weights: Floats = np.tile(np.eye(each, 3, dtype=np.float32), (wide, 1)) / np.float32(tall * wide)
    weights.setflags(write=False)
    return weights


def _frame(outermost: Callable[[int], Floats], count: int) -> float:
    """How many of the `count` rows of blocks are a frame; 0 for a picture that only begins with something even, such
    as a wall: a frame ends at once, in a straight line. `outermost` gives so many rows, the one at the edge first."""
    edge = outermost(1)
    level = np.median(edge[0], axis=0)
    if _unlike(edge, level)[0] > _ODD:
        return 0.0
    deepest = int(count * _DEEPEST)
    blocks = outermost(deepest + 3)
    unlike = _unlike(blocks, level)
    begins = int(np.argmax(unlike > _ODD))
    if begins == 0 or begins > deepest or unlike[begins + 1] < _STRAIGHT:
        return 0.0
    half, whole = np.abs(blocks[begins : begins + 2] - level).mean(axis=(1, 2))
    # The row in between is partly frame, partly picture: by as much as it differs less than the next one.
    return begins + 1 - min(1.0, float(half / whole))


def _unlike(rows: Floats, level: Floats) -> Floats:
    """Share of each row's blocks that are no part of a frame of this colour."""
    share: Floats = np.mean((np.abs(rows - level) > _EVEN).any(axis=2), axis=1)
    return share


@lru_cache(maxsize=64)
def _cosines(size: int, start: float, end: float) -> Floats:
    """(frequencies, size): the average over each cell from `start` to `end`, then their cosines, in one product."""
    cell = (end - start) / GRID
    edges = start + np.arange(GRID + 1) * cell
    blocks = np.arange(size)
    lower = np.maximum(blocks[None, :], edges[:-1, None])
    upper = np.minimum(blocks[None, :] + 1, edges[1:, None])
    averages = np.clip(upper - lower, 0.0, None) / cell
    centres = (np.arange(GRID) + 0.5) / GRID
    waves = np.cos(np.pi * np.arange(1, FREQUENCIES + 1)[:, None] * centres[None, :]) / GRID
    product: Floats = (waves @ averages).astype(np.float32)
    product.setflags(write=False)
    return product
