"""A photo is averaged over blocks in one pass, and what is made of that is what would be made of the photo itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lomi_ops.imaging.averages import averaged
from lomi_ops.imaging.pixels import Pixels, samples_of
from lomi_ops.imaging.view import View
from tests.unit.imaging.pictures import scene

LUMA = np.array([0.299, 0.587, 0.114])


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def plainly(pixels: Pixels, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    blocks = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return np.asarray(blocks.mean(axis=(1, 3)) @ LUMA)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 900), height=st.integers(1, 900), longest=st.integers(30, 300))
def test_each_average_is_the_mean_luminance_of_its_block(width: int, height: int, longest: int) -> None:
    pixels = np.asarray(noise(width, height))
    for samples in (pixels, samples_of(Image.fromarray(pixels))):
        found = averaged(samples, longest)
        np.testing.assert_allclose(found.grey, plainly(pixels, found.side), atol=2e-3)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("side", [2, 15, 16, 17, 40])
def test_no_sum_runs_over_in_a_photo_of_one_colour(level: int, side: int) -> None:
    samples = samples_of(Image.new("RGB", (10 * side, 8 * side), (level, level, level)))
    found = averaged(samples, 10)
    assert (found.side, found.grey.shape) == (side, (8, 10))
    np.testing.assert_allclose(found.grey, level, rtol=1e-6)


@pytest.mark.parametrize("side", range(2, 17))
@pytest.mark.parametrize("over", [(0, 0), (1, 0), (0, 1), (1, 1)], ids=str)
def test_the_smaller_picture_is_pillows_to_the_bit(side: int, over: tuple[int, int]) -> None:
    picture = noise(432 * side + over[0], 30 * side + over[1] * (side - 1))
    view = View(picture)
    found = view.reduced((side, side))
    assert found is not None
    np.testing.assert_array_equal(np.asarray(found), np.asarray(picture.reduce(side)))
    assert view.reduced((side, side + 1)) is view.reduced((side + 1, side + 1)) is None


def test_an_array_gives_no_smaller_picture_and_the_same_luminance() -> None:
    picture = scene(3).resize((1300, 1000))
    array, kept = View(np.asarray(picture)), View(picture)
    assert array.reduced((3, 3)) is None
    np.testing.assert_allclose(array.averages.grey, kept.averages.grey, atol=1e-3)


def test_part_of_pillows_memory_is_averaged_where_it_lies() -> None:
    samples = samples_of(scene(5).resize((1300, 1000)))
    part = samples[100:700, 31:911]
    assert np.shares_memory(part, samples)
    found = averaged(part, 200)
    np.testing.assert_allclose(found.grey, plainly(np.ascontiguousarray(part[:, :, :3]), found.side), atol=2e-3)


# Forms of a photo.


def test_an_array_is_handed_on_as_it_is_and_copied_for_pillow_once() -> None:
    pixels = np.asarray(noise(9, 6))
    view = View(pixels)
    assert view.pixels is view.samples is pixels
    assert view.picture is view.picture
    assert view.size == (9, 6)
    np.testing.assert_array_equal(np.asarray(view.picture), pixels)


def test_pillows_memory_is_read_and_never_written() -> None:
    picture = noise(70, 50)
    view = View(picture)
    assert view.picture is picture
    assert view.size == (70, 50)
    assert not view.samples.flags.writeable
    assert not view.samples.flags.owndata
    np.testing.assert_array_equal(view.samples[:, :, :3], view.pixels)
    assert view.pixels is view.pixels
    assert not view.pixels.flags.writeable


def test_the_memory_outlives_the_picture() -> None:
    wanted = np.asarray(noise(600, 500))
    held = [samples_of(noise(600, 500)) for _ in range(20)]
    _ = [Image.new("RGB", (600, 500), (1, 2, 3)) for _ in range(20)]
    assert all((each[:, :, :3] == wanted).all() for each in held)


def test_a_picture_in_several_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        View(Image.new("RGB", (3000, 2000)))
