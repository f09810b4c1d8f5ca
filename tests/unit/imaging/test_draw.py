"""Copies with boxes drawn."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.domain.finding import Box
from lomi_ops.imaging.decode import Upright, decode
from lomi_ops.imaging.draw import annotate
from tests.hostile import saved


def plain(shade: int, size: tuple[int, int] = (400, 300)) -> Upright:
    return decode(saved(Image.new("RGB", size, (shade, shade, shade)), "PNG"), ImagesSection())


def pixels(data: bytes) -> npt.NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_box_stands_out_on_black_grey_and_white(shade: int) -> None:
    drawn = pixels(annotate(plain(shade), [(Box(100, 100, 120, 90), "FACE 0.91", "face")]))
    assert drawn.shape == (300, 400, 3)
    changed = np.abs(drawn - shade).max(axis=2) > 60
    assert changed[95:105, 110:200].any()
    assert changed[185:195, 110:200].any()
    assert changed[110:180, 95:105].any()
    assert not changed[130:170, 130:190].any(), "the inside stays as it is"
    assert not changed[250:, :].any()


def test_severities_have_colours_of_their_own() -> None:
    copies = {
        severity: annotate(plain(90), [(Box(100, 100, 99, 99), "x", severity)])
        for severity in ("bad", "doubt", "face", "plain")
    }
    assert len(set(copies.values())) == 4


def test_an_unknown_severity_is_drawn_plain() -> None:
    boxes = [(Box(50, 50, 100, 100), "x", "plain")]
    assert annotate(plain(90), [(boxes[0][0], "x", "strange")]) == annotate(plain(90), boxes)


@pytest.mark.parametrize(
    "box", [Box(380, 290, 20, 10), Box(0, 0, 400, 300), Box(-30, -20, 60, 60), Box(399, 0, 0, 0), Box(350, 2, 500, 500)]
)
def test_boxes_at_and_over_the_edge_keep_their_caption_inside(box: Box) -> None:
    with_caption = pixels(annotate(plain(200), [(box, "A LONG LABEL 0.50", "bad")]))
    without = pixels(annotate(plain(200), [(box, "", "bad")]))
    caption = np.abs(with_caption - without).max(axis=2) > 40
    assert caption.sum() > 500
    columns = np.nonzero(caption)[1]
    assert columns.max() - columns.min() > 60, "the whole caption, not a clipped one"


def test_captions_of_any_script_are_drawn_without_failing() -> None:
    assert annotate(plain(10), [(Box(10, 40, 50, 50), "ፊት 0.9 · 顔", "face")])


def test_the_photo_itself_is_not_changed() -> None:
    photo = plain(50)
    annotate(photo, [(Box(10, 10, 50, 50), "x", "bad")])
    assert (photo.pixels == 50).all()


def test_nothing_to_draw_gives_the_photo() -> None:
    assert np.abs(pixels(annotate(plain(77), [])) - 77).max() <= 2
