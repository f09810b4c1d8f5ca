"""The JPEG that stands for a photo."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.imaging.canonical import canonical_jpeg
from lomi_ops.imaging.decode import Upright, decode
from tests import hostile


def upright(width: int, height: int) -> Upright:
    picture = Image.fromarray(hostile.scene()).resize((width, height))
    return decode(hostile.saved(picture, "PNG"), ImagesSection())


def opened(data: bytes) -> JpegImagePlugin.JpegImageFile:
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    return image


def test_a_large_photo_is_reduced_and_the_scale_leads_back() -> None:
    data, scale = canonical_jpeg(upright(2000, 1500), 1600, 90)
    assert opened(data).size == (1600, 1200)
    assert scale == 1.25


def test_a_small_photo_is_never_enlarged() -> None:
    data, scale = canonical_jpeg(upright(300, 400), 1600, 90)
    assert (opened(data).size, scale) == ((300, 400), 1.0)


def test_no_metadata_survives() -> None:
    photo = decode(hostile.oriented(6, "JPEG"), ImagesSection())
    data, _ = canonical_jpeg(photo, 1600, 90)
    assert set(opened(data).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    assert b"Exif" not in data
    assert b"camera" not in data


def test_colour_is_stored_at_full_resolution() -> None:
    assert JpegImagePlugin.get_sampling(opened(canonical_jpeg(upright(200, 200), 1600, 90)[0])) == 0


def test_the_same_pixels_give_the_same_bytes() -> None:
    photo = upright(900, 700)
    assert canonical_jpeg(photo, 640, 90) == canonical_jpeg(photo, 640, 90)


def test_it_shows_the_photo() -> None:
    data, _ = canonical_jpeg(upright(160, 120), 1600, 95)
    assert np.abs(np.asarray(opened(data)).astype(int) - hostile.scene()).mean() < 4


@settings(max_examples=40, deadline=None)
@given(st.integers(64, 900), st.integers(64, 900), st.integers(64, 800))
def test_a_box_of_the_copy_leads_back_within_a_pixel_of_rounding(width: int, height: int, side: int) -> None:
    if max(width, height) > 5 * min(width, height):
        return
    data, scale = canonical_jpeg(upright(width, height), side, 60)
    copy = opened(data).size
    assert max(copy) == min(side, max(width, height))
    assert abs(copy[0] * scale - width) <= scale
    assert abs(copy[1] * scale - height) <= scale
