from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.nudenet_agreement import pattern
from lomi_ops.config.manifest import Mode, Resample, Resize
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.imaging.view import View
from worker.engines.resize import fit, inner_size, resize, resize_linear

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "cv2-linear.json").read_text())
SIDES = st.integers(1, 60)


def rule(mode: Mode, resample: Resample = Resample.NEAREST, **more: object) -> Resize:
    return Resize.model_validate({"mode": mode, "resample": resample, **more})


def plain(width: int, height: int, colour: tuple[int, int, int] = (200, 100, 50)) -> Pixels:
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['source']}-{case['target']}")
def test_linear_is_opencvs_to_the_last_bit(case: dict[str, Any]) -> None:
    frame = tuple(case["frame"]) if case["frame"] else None
    resized = resize_linear(pattern(*case["source"]), *case["target"], frame=frame)
    assert hashlib.sha256(np.ascontiguousarray(resized).tobytes()).hexdigest() == case["sha256"]


@given(width=SIDES, height=SIDES, to_width=SIDES, to_height=SIDES, value=st.integers(0, 255))
def test_linear_leaves_one_colour_alone(width: int, height: int, to_width: int, to_height: int, value: int) -> None:
    resized = resize_linear(plain(width, height, (value, value, value)), to_width, to_height)
    assert resized.shape == (to_height, to_width, 3)
    assert (resized == value).all()


@given(width=SIDES, height=SIDES, extra=st.integers(0, 40), pad_value=st.integers(0, 255))
@settings(max_examples=60)
def test_a_frame_is_the_photo_with_padding_built_around_it(width: int, height: int, extra: int, pad_value: int) -> None:
    photo, side = pattern(width, height), max(width, height) + extra
    built = np.full((side, side, 3), pad_value, dtype=np.uint8)
    built[:height, :width] = photo
    framed = resize_linear(photo, 17, 23, frame=(side, side), pad_value=pad_value)
    assert np.array_equal(framed, resize_linear(built, 17, 23))


@given(width=SIDES, height=SIDES, to_width=SIDES, to_height=SIDES)
@settings(max_examples=60)
def test_linear_is_within_one_level_of_interpolation_in_real_numbers(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    photo = pattern(width, height)
    exact = photo.astype(np.float64)
    for axis, (source, target) in enumerate([(height, to_height), (width, to_width)]):
        centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        first = np.minimum(centres.astype(int), max(source - 2, 0))
        weights = np.expand_dims(centres - first, [a for a in range(3) if a != axis])
        exact = exact.take(first, axis) * (1 - weights) + exact.take(np.minimum(first + 1, source - 1), axis) * weights
    assert np.abs(resize_linear(photo, to_width, to_height) - exact).max() <= 1.0


def test_half_the_size_is_the_mean_of_four() -> None:
    photo = np.zeros((2, 2, 3), dtype=np.uint8)
    photo[:, :, 0] = [[0, 1], [2, 3]]
    assert resize_linear(photo, 1, 1)[0, 0].tolist() == [2, 0, 0]  # (6 + 2) // 4
    assert resize_linear(photo[:1], 1, 1, frame=(2, 2), pad_value=9)[0, 0].tolist() == [5, 5, 5]  # (19+2)//4, (18+2)//4


def test_linear_reads_a_photo_whose_rows_are_not_contiguous() -> None:
    photo = pattern(40, 30)
    assert np.array_equal(resize_linear(photo[:, ::-1], 20, 10), resize_linear(photo[:, ::-1].copy(), 20, 10))


@pytest.mark.parametrize("resample", [Resample.NEAREST, Resample.AREA, Resample.BILINEAR, Resample.BICUBIC])
def test_the_other_kinds_are_pillows(resample: Resample) -> None:
    photo = pattern(50, 40)
    wanted = {"nearest": 0, "area": 4, "bilinear": 2, "bicubic": 3}[resample]
    assert np.array_equal(
        resize(photo, 20, 10, rule(Mode.SQUASH, resample)), np.asarray(Image.fromarray(photo).resize((20, 10), wanted))
    )


@pytest.mark.parametrize("mode", [Mode.SQUASH, Mode.PAD_RIGHT_BOTTOM, Mode.PAD_CENTRE, Mode.CENTRE_CROP])
@pytest.mark.parametrize("resample", [Resample.CV2_LINEAR, Resample.BILINEAR, Resample.AREA])
def test_what_pillow_kept_gives_what_the_array_gives(mode: Mode, resample: Resample) -> None:
    photo = pattern(90, 60)
    one = rule(mode, resample, reducing_gap=None if resample is Resample.CV2_LINEAR else 1.5)
    for alone, kept in zip(fit(photo, one, 16), fit(View(Image.fromarray(photo)), one, 16), strict=True):
        np.testing.assert_array_equal(alone, kept)


def test_a_reducing_gap_stays_close_to_the_plain_resize() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 900).astype(np.uint8)[None, :, None], (600, 900, 3))
    direct = resize(ramp, 60, 40, rule(Mode.SQUASH, Resample.BILINEAR))
    quick = resize(ramp, 60, 40, rule(Mode.SQUASH, Resample.BILINEAR, reducing_gap=1.5))
    assert np.abs(direct.astype(int) - quick).max() <= 2


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(40, 2400),
    height=st.integers(40, 1600),
    size=st.sampled_from([160, 224, 288, 320]),
    gap=st.sampled_from([1.0, 1.5, 2.0]),
)
def test_blocks_that_were_averaged_before_change_no_bit(width: int, height: int, size: int, gap: float) -> None:
    picture = Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))
    wide, tall = inner_size(width, height, size)
    ours = resize(View(picture), wide, tall, rule(Mode.PAD_RIGHT_BOTTOM, Resample.BILINEAR, reducing_gap=gap))
    pillows = picture.resize((wide, tall), Image.Resampling.BILINEAR, reducing_gap=gap)
    np.testing.assert_array_equal(ours, np.asarray(pillows))


def test_squash_shows_the_whole_photo() -> None:
    photo = np.vstack([plain(4, 8, (255, 0, 0)), plain(4, 8, (0, 255, 0))])
    (square,) = fit(photo, rule(Mode.SQUASH), 4)
    assert square.shape == (4, 4, 3)
    assert (square[:2] == (255, 0, 0)).all()
    assert (square[2:] == (0, 255, 0)).all()


def test_squash_with_crop_from_cuts_the_centre_of_the_larger_square() -> None:
    photo = plain(8, 8)
    photo[2:6, 2:6] = 7
    (square,) = fit(photo, rule(Mode.SQUASH, crop_from=8), 4)
    assert (square == 7).all()


def test_a_jpeg_on_the_way_changes_pixels_a_little() -> None:
    photo = pattern(16, 16)
    (clean,) = fit(photo, rule(Mode.SQUASH), 16)
    (encoded,) = fit(photo, rule(Mode.SQUASH, jpeg_quality=75), 16)
    assert encoded.shape == clean.shape
    assert not np.array_equal(encoded, clean)
    flat = fit(plain(16, 16, (128, 128, 128)), rule(Mode.SQUASH, jpeg_quality=75), 16)[0]
    assert np.abs(flat.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("resample", list(Resample))
def test_padding_right_and_bottom_keeps_the_shape_at_the_top_left(resample: Resample) -> None:
    (square,) = fit(plain(40, 20), rule(Mode.PAD_RIGHT_BOTTOM, resample, pad_value=3), 10)
    assert (square[:4] == (200, 100, 50)).all()
    assert (square[6:] == 3).all()
    (square,) = fit(plain(20, 40), rule(Mode.PAD_RIGHT_BOTTOM, resample, pad_value=3), 10)
    assert (square[:, :4] == (200, 100, 50)).all()
    assert (square[:, 6:] == 3).all()


@given(width=st.integers(1, 300), height=st.integers(1, 300), resample=st.sampled_from(Resample))
def test_with_a_stride_padding_ends_at_its_next_multiple_and_nothing_else_changes(
    width: int, height: int, resample: Resample
) -> None:
    photo = pattern(width, height)
    (square,) = fit(photo, rule(Mode.PAD_RIGHT_BOTTOM, resample, pad_value=3), 32)
    (cut,) = fit(photo, rule(Mode.PAD_RIGHT_BOTTOM, resample, pad_value=3, stride=8), 32)
    tall, wide = cut.shape[:2]
    assert (max(tall, wide), tall % 8, wide % 8) == (32, 0, 0)
    assert np.array_equal(cut, square[:tall, :wide])
    assert 32 * min(width, height) / max(width, height) <= min(tall, wide) + 0.5
    assert min(tall, wide) - 8 < max(1, 32 * min(width, height) / max(width, height) + 0.5)


def test_padding_on_both_sides_centres_the_photo() -> None:
    (square,) = fit(plain(40, 20), rule(Mode.PAD_CENTRE, pad_value=128), 10)
    assert (square[:2] == 128).all()
    assert (square[8:] == 128).all()
    assert (square[2:7] == (200, 100, 50)).all()


def test_an_odd_rest_goes_to_the_far_side_or_is_stretched_away() -> None:
    photo = plain(100, 70)  # 10 x 7 inside 10: three rows of padding
    (far,) = fit(photo, rule(Mode.PAD_CENTRE, pad_value=1), 10)
    assert [bool((row == 1).all()) for row in far] == [True] + [False] * 7 + [True] * 2
    (stretched,) = fit(photo, rule(Mode.PAD_CENTRE, odd="stretch", pad_value=1), 10)
    assert stretched.shape == (10, 10, 3)
    assert [bool((row == 1).all()) for row in stretched][1:-1] == [False] * 8


def test_the_inner_size_rounds_halves_to_even_and_never_to_nothing() -> None:
    assert inner_size(1600, 1200, 320) == (320, 240)
    assert inner_size(1200, 1600, 320) == (240, 320)
    assert inner_size(640, 5, 320) == (320, 2)  # 2.5 rounds to even
    assert inner_size(1, 5000, 320) == (1, 320)


def marked(height: int, width: int) -> Pixels:
    """Each row tells its place from the top, each column its place from the left."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, rows * 0], axis=2).astype(np.uint8)


def test_one_crop_is_the_centre() -> None:
    (crop,) = fit(marked(16, 8), rule(Mode.CENTRE_CROP), 8)
    assert crop[:, 0, 0].tolist() == list(range(4, 12))


def test_several_crops_reach_both_ends_without_a_gap() -> None:
    crops = fit(marked(30, 8), rule(Mode.CENTRE_CROP, tiles=2), 8)
    seen = {int(row) for crop in crops for row in crop[:, 0, 0]}
    assert seen == set(range(30))
    assert all(crop.shape == (8, 8, 3) for crop in crops)
    assert len(fit(marked(8, 11), rule(Mode.CENTRE_CROP, tiles=2), 8)) == 2
    assert len(fit(marked(8, 8), rule(Mode.CENTRE_CROP, tiles=2), 8)) == 1


@given(width=st.integers(8, 80), height=st.integers(8, 80), tiles=st.integers(2, 5))
@settings(max_examples=40)
def test_crops_of_any_shape_leave_nothing_out(width: int, height: int, tiles: int) -> None:
    crops = fit(marked(height, width), rule(Mode.CENTRE_CROP, tiles=tiles), min(width, height))
    along = 0 if height >= width else 1
    seen = {int(value) for crop in crops for value in np.unique(crop[:, :, along])}
    assert seen == set(range(max(width, height)))


def test_crop_pct_cuts_a_margin_on_all_sides() -> None:
    (crop,) = fit(marked(10, 10), rule(Mode.CENTRE_CROP, crop_pct=0.8), 8)
    assert crop[:, 0, 0].tolist() == list(range(1, 9))
    assert crop[0, :, 1].tolist() == list(range(1, 9))
