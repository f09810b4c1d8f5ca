"""Pictures as terminals read them: each encoder against a reader of its protocol."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import numpy.typing as npt
from PIL import Image

from lomi_ops.imaging import kitty
from lomi_ops.imaging.sixel import sixel

Pixels = npt.NDArray[np.uint8]


def photo(width: int, height: int) -> Pixels:
    rows, columns = np.indices((height, width))
    return np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], axis=2).astype(np.uint8)


def drawn(sequence: str) -> Pixels:
    """What a terminal makes of a Sixel sequence."""
    head = re.match(r'\x1bP0;1q"1;1;(\d+);(\d+)', sequence)
    assert head is not None
    assert sequence.endswith("\x1b\\")
    canvas = np.zeros((int(head[2]), int(head[1]), 3), np.uint8)
    colours: dict[int, tuple[int, ...]] = {}
    colour, x, y = 0, 0, 0
    token = re.compile(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|([$-])|([?-~])")
    for found in token.finditer(sequence[head.end() : -2]):
        number, red, green, blue, times, repeated, control, single = found.groups()
        if number:
            colour = int(number)
            if red:
                colours[colour] = tuple(round(int(part) * 255 / 100) for part in (red, green, blue))
        elif control:
            x, y = 0, y + 6 * (control == "-")
        else:
            bits, length = ord(repeated or single) - 63, int(times or 1)
            for bit in range(6):
                if bits >> bit & 1:
                    canvas[y + bit, x : x + length] = colours[colour]
            x += length
    return canvas


def test_a_terminal_draws_from_sixel_what_was_meant() -> None:
    wanted = photo(61, 45)

    seen = drawn(sixel(wanted))

    assert seen.shape == wanted.shape
    assert np.abs(seen.astype(int) - wanted).mean() < 12, "but for the reduced number of colours"


def test_sixel_of_few_colours_is_exact_to_the_last_row() -> None:
    wanted = np.zeros((20, 30, 3), np.uint8)
    wanted[:7], wanted[7:, :11] = (255, 0, 0), (0, 0, 255)

    assert (drawn(sixel(wanted)) == wanted).all()


def test_sixel_is_plain_ascii_between_its_two_marks() -> None:
    inside = sixel(photo(40, 40))[1:-2]

    assert inside.isascii()
    assert inside.isprintable()


def test_kitty_is_sent_the_pixels_in_pieces_of_the_size_that_it_takes() -> None:
    wanted = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)

    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", kitty.sent(wanted, 7, 12, 5))

    assert pieces[0][0] == "a=T,U=1,q=2,f=100,t=d,i=7,c=12,r=5,m=1"
    assert [options for options, _ in pieces[1:]] == ["m=1"] * (len(pieces) - 2) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in pieces)
    received = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in pieces))))
    assert (np.asarray(received) == wanted).all()


def test_a_cell_of_kitty_names_its_row_and_its_column() -> None:
    line = kitty.line(1, 3)

    assert line == "\U0010eeee\u030d\u0305\U0010eeee\u030d\u030d\U0010eeee\u030d\u030e"
    assert len({kitty.line(row, 1) for row in range(kitty.MOST)}) == kitty.MOST
