"""A picture for Kitty's graphics protocol, placed by characters that stand for its cells.

The picture is sent once under a number. Wherever the character U+10EEEE then stands, with marks for row and column and
the number as its colour, the terminal draws that part: text that covers a cell covers the picture. Kitty and Ghostty
know these placeholders.
"""

from __future__ import annotations

import base64
import io
from functools import cache

from PIL import Image

from lomi_ops.imaging.pixels import Pixels

_PLACE = "\U0010eeee"
_CHUNK = 4096
"""Bytes of base64 in one sequence: the protocol's limit."""
_MARKS = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 5a8-5a9 "
    "5ab-5ac 5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 735-736 73a 73d "
    "73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 953-954 f82-f83 f86-f87 "
    "135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b 1b6d-1b73 1cd0-1cd2 1cda-1cdb 1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc "
    "1dd1-1dd5 "
)
"""The protocol's marks for 0, 1, 2 and so on: combining characters, as ranges of code points."""
MOST = 180
"""Rows or columns that can be marked."""


@cache
def _marks() -> str:
    ranges = (word.partition("-") for word in _MARKS.split())
    return "".join(
        chr(point) for first, _, last in ranges for point in range(int(first, 16), int(last or first, 16) + 1)
    )


def sent(pixels: Pixels, number: int, columns: int, rows: int) -> str:
    """The sequences that hand a picture over and keep cells for it. The terminal answers nothing."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    data = base64.standard_b64encode(buffer.getvalue()).decode("ascii")
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    first = f"a=T,U=1,q=2,f=100,t=d,i={number},c={columns},r={rows},"
    last = len(chunks) - 1
    return "".join(f"\x1b_G{'' if at else first}m={int(at < last)};{chunk}\x1b\\" for at, chunk in enumerate(chunks))


def line(row: int, columns: int) -> str:
    """The characters of one row of cells; the colour of the text is the picture's number."""
    marks = _marks()
    return "".join(f"{_PLACE}{marks[row]}{marks[column]}" for column in range(columns))


def forgotten(number: int) -> str:
    """The sequence that frees a picture in the terminal."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"
