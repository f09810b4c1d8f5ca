"""A picture as Sixel, the graphics of DEC's terminals that xterm, foot, WezTerm and others draw.

The picture is cut into bands of six rows. In a band each colour is written on its own: for each column one character
that says which of the six pixels have it, runs shortened; `$` returns to the band's beginning, `-` goes to the next.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
from PIL import Image

from lomi_ops.imaging.pixels import Pixels

_BAND = 6
_COLOURS = 128
"""More are hardly seen in a photo and cost time in every band."""
_FIRST = 63
"""The character that stands for six empty pixels."""
_RUN = re.compile(rb"\?{4,}|~{4,}")
"""Empty and full columns: other runs are rare in a photo, and looking for them is most of the time."""


def sixel(pixels: Pixels) -> str:
    """The whole sequence that draws the picture where the cursor is."""
    height, width = pixels.shape[:2]
    reduced = Image.fromarray(pixels).quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
    indices = np.asarray(reduced)
    head = f'\x1bP0;1q"1;1;{width};{height}'.encode()
    bands = [_band(indices[top : top + _BAND]) for top in range(0, height, _BAND)]
    return (head + _palette(reduced) + b"-".join(bands) + b"\x1b\\").decode("ascii")


def _palette(image: Image.Image) -> bytes:
    """Every colour by its number, in per cent of red, green and blue."""
    values = image.getpalette("RGB") or []
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    parts = (
        f"#{number};2;" + ";".join(str(round(value * 100 / 255)) for value in rgb) for number, rgb in enumerate(triples)
    )
    return "".join(parts).encode()


def _band(rows: npt.NDArray[np.uint8]) -> bytes:
    width = rows.shape[1]
    columns = np.zeros((_COLOURS, width), np.uint8)
    at = np.arange(width)
    for bit, row in enumerate(rows):
        columns[row, at] |= 1 << bit
    used = np.flatnonzero(columns.any(axis=1))
    columns += _FIRST
    return b"$".join(
        b"#%d" % colour + _RUN.sub(_shortened, columns[colour].tobytes().rstrip(b"?")) for colour in used.tolist()
    )


def _shortened(run: re.Match[bytes]) -> bytes:
    return b"!%d" % len(run[0]) + run[0][:1]
