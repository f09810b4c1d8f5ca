"""A picture in the terminal's terms as lines of a widget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.strip import Strip

from lomi_ops.tui.review.plate import Plate
from lomi_ops.tui.review.terminal import Images


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


def drawn(plate: Plate) -> Drawn:
    match plate.images:
        case Images.BLOCKS:
            return Drawn(tuple(_line(runs, plate.columns) for runs in plate.runs), plate.columns)
        case Images.KITTY:
            return _kitty(plate)
        case Images.SIXEL:
            return _sixel(plate)
        case _:
            return NOTHING


def _line(runs: tuple[tuple[int, bytes], ...], columns: int) -> Strip:
    return Strip([Segment("▀" * cells, _style(look)) for cells, look in runs], columns)


@lru_cache(maxsize=20_000)
def _style(look: bytes) -> Style:
    red, green, blue, red_below, green_below, blue_below = look
    return Style(color=Color.from_rgb(red, green, blue), bgcolor=Color.from_rgb(red_below, green_below, blue_below))


def _kitty(plate: Plate) -> Drawn:
    from lomi_ops.imaging import kitty

    number, columns = plate.number, plate.columns
    style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    strips = tuple(Strip([Segment(kitty.line(row, columns), style)], columns) for row in range(plate.rows))
    return Drawn(strips, columns, plate.sequence, kitty.forgotten(number))


def _sixel(plate: Plate) -> Drawn:
    """The last line carries the picture: whatever was written into the lines above it is there by then.

    The sequence goes up to where the picture begins, and comes back: cells of the last line are skipped, not written.
    """
    rows, columns = plate.rows, plate.columns
    up = f"\x1b[{rows - 1}A" if rows > 1 else ""
    drawing = f"\x1b7{up}{plate.sequence}\x1b8\x1b[{columns}C"
    blank = Strip.blank(columns)
    last = Strip([Segment(drawing, Style(), ((ControlType.CURSOR_FORWARD, columns),))], columns)
    return Drawn((*(blank for _ in range(rows - 1)), last), columns)
