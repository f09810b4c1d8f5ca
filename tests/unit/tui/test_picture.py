"""A photo as lines of cells."""

from __future__ import annotations

import numpy as np
import pytest

from lomi_ops.imaging import kitty
from lomi_ops.imaging.framing import Frame
from lomi_ops.tui.review.developing import Photo, plate
from lomi_ops.tui.review.picture import NOTHING, Drawn, drawn
from lomi_ops.tui.review.plate import Plate, Wish
from lomi_ops.tui.review.terminal import Images, Screen


def prepared(pixels: np.ndarray, frame: Frame, columns: int, rows: int, screen: Screen) -> Drawn:
    wish = Wish("key", screen, columns, rows, frame, revealed=True)
    return drawn(plate(Photo(pixels, pixels, (400, 300)), wish))


def photo() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)


@pytest.mark.parametrize("images", [Images.BLOCKS, Images.SIXEL, Images.KITTY])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (10, 40), (1, 1), (179, 50)])
def test_a_picture_fits_its_place_and_every_line_is_as_wide_as_it_says(images: Images, columns: int, rows: int) -> None:
    drawn = prepared(photo(), Frame(), columns, rows, Screen(images, (10, 20)))

    assert 0 < drawn.columns <= columns
    assert 0 < drawn.rows <= rows
    assert {strip.cell_length for strip in drawn.strips} == {drawn.columns}


def test_half_blocks_carry_two_rows_of_pixels_in_each_line() -> None:
    pixels = np.zeros((4, 3, 3), np.uint8)
    pixels[0], pixels[3] = (248, 0, 0), (0, 0, 248)

    drawn = prepared(pixels, Frame(), 3, 2, Screen(Images.BLOCKS, (10, 20)))

    (first,), (second,) = drawn.strips[0]._segments, drawn.strips[1]._segments
    assert (first.text, second.text) == ("▀▀▀", "▀▀▀")
    assert first.style is not None
    assert second.style is not None
    assert str(first.style) == "#f80000 on #000000"
    assert str(second.style) == "#000000 on #0000f8"


def test_kitty_is_told_the_picture_before_its_cells_and_to_forget_it_after_them() -> None:
    drawn = prepared(photo(), Frame(), 20, 10, Screen(Images.KITTY, (10, 20)))

    assert drawn.before.startswith("\x1b_Ga=T,U=1")
    assert drawn.after.startswith("\x1b_Ga=d,d=I,i=")
    assert drawn.strips[0].text == kitty.line(0, drawn.columns)


def test_a_sixel_picture_is_drawn_with_its_last_line_and_covers_no_cell_with_spaces() -> None:
    drawn = prepared(photo(), Frame(), 20, 10, Screen(Images.SIXEL, (10, 20)))

    text = drawn.strips[-1].text
    assert text.startswith(f"\x1b7\x1b[{drawn.rows - 1}A\x1bP")
    assert text.endswith(f"\x1b8\x1b[{drawn.columns}C")


def test_nothing_is_drawn_where_nobody_wishes_it() -> None:
    assert drawn(Plate(Images.NONE, 5)) is NOTHING
