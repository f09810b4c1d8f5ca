"""A photo made ready for the terminal: lines of a widget, in whatever way the terminal draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, pairwise

import numpy as np
from rich.color import Color
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.strip import Strip

from lomi_ops.imaging import kitty, sixel
from lomi_ops.imaging.colour import Pixels
from lomi_ops.imaging.framing import Frame, framed
from lomi_ops.tui.terminal import Images, Screen

_numbers = count(1 + (id(object()) >> 4) % 60000)
"""Of pictures in a Kitty terminal, which other programs number as well."""


_LARGEST_SIXEL = 800
"""Pixels of a side: more takes more than a quarter of a second to write."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Lines of cells that show a picture."""

    strips: tuple[Strip, ...]
    columns: int
    before: str = ""
    """What the terminal must have heard before the lines mean anything."""
    after: str = ""
    """What it should hear when the picture is not needed any more."""

    @property
    def rows(self) -> int:
        return len(self.strips)


NOTHING = Drawn((), 0)


def prepared(
    pixels: Pixels,
    frame: Frame,
    columns: int,
    rows: int,
    screen: Screen,
    finish: Callable[[Pixels], Pixels] = lambda part: part,
) -> Drawn:
    """The picture as large as it fits into so many cells; `finish` draws into it at the size at which it is shown.
    Takes up to a quarter of a second: not for the event loop."""
    if columns < 1 or rows < 1 or screen.images is Images.NONE:
        return NOTHING
    if screen.images is Images.BLOCKS:
        return _blocks(finish(framed(pixels, frame, columns, rows * 2)))
    cell_width, cell_height = screen.cell
    width, height = min(columns, kitty.MOST) * cell_width, min(rows, kitty.MOST) * cell_height
    if screen.images is Images.SIXEL:
        width, height = min(width, _LARGEST_SIXEL), min(height, _LARGEST_SIXEL)
    part = finish(framed(pixels, frame, width, height))
    size = (-(-part.shape[1] // cell_width), -(-part.shape[0] // cell_height))
    return _kitty(part, *size) if screen.images is Images.KITTY else _sixel(part, *size)


def _blocks(pixels: Pixels) -> Drawn:
    """Upper half blocks: the text's colour is the upper pixel, the ground's the lower one."""
    height, width = pixels.shape[:2]
    if height % 2:
        pixels = np.concatenate([pixels, pixels[-1:]])
    # Steps of 8 levels are hardly seen in pixels as large as these, and most styles are then made once.
    reduced = pixels & 0xF8
    strips = [_line(reduced[row], reduced[row + 1]) for row in range(0, len(reduced), 2)]
    return Drawn(tuple(strips), width)


def _line(upper: Pixels, lower: Pixels) -> Strip:
    pairs = np.concatenate([upper, lower], axis=1)
    starts = [0, *(np.flatnonzero((pairs[1:] != pairs[:-1]).any(axis=1)) + 1).tolist(), len(pairs)]
    segments = [Segment("▀" * (end - start), _style(*pairs[start].tolist())) for start, end in pairwise(starts)]
    return Strip(segments, len(pairs))


@lru_cache(maxsize=20_000)
def _style(red: int, green: int, blue: int, red_below: int, green_below: int, blue_below: int) -> Style:
    return Style(color=Color.from_rgb(red, green, blue), bgcolor=Color.from_rgb(red_below, green_below, blue_below))


def _kitty(pixels: Pixels, columns: int, rows: int) -> Drawn:
    number = next(_numbers) & 0xFFFFFF
    style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    strips = tuple(Strip([Segment(kitty.line(row, columns), style)], columns) for row in range(rows))
    return Drawn(strips, columns, kitty.sent(pixels, number, columns, rows), kitty.forgotten(number))


def _sixel(pixels: Pixels, columns: int, rows: int) -> Drawn:
    """The last line carries the picture: whatever was written into the lines above it is there by then.

    The sequence goes up to where the picture begins, and comes back: cells of the last line are skipped, not written.
    """
    up = f"\x1b[{rows - 1}A" if rows > 1 else ""
    drawing = f"\x1b7{up}{sixel.sixel(pixels)}\x1b8\x1b[{columns}C"
    blank = Strip.blank(columns)
    last = Strip([Segment(drawing, Style(), ((ControlType.CURSOR_FORWARD, columns),))], columns)
    return Drawn((*(blank for _ in range(rows - 1)), last), columns)
