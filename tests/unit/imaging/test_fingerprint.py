"""The perceptual hash: near for the same picture, far for another, none for a picture of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from lomi_ops.domain.fingerprint import SAME, Fingerprint
from lomi_ops.imaging.fingerprint import fingerprint
from lomi_ops.imaging.view import View
from tests.unit.imaging.pictures import recompressed, resized, scene

SEEDS = st.integers(0, 10_000)


def of(image: Image.Image) -> Fingerprint:
    found = fingerprint(np.asarray(image))
    assert found is not None
    return found


def apart(one: Image.Image, other: Image.Image) -> int:
    return of(one).distance(of(other))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, share=st.floats(0.4, 2.0))
def test_the_same_picture_in_another_size_is_the_same(seed: int, share: float) -> None:
    picture = scene(seed)
    assert apart(picture, resized(picture, share)) <= SAME


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, quality=st.integers(25, 95))
def test_the_same_picture_in_another_quality_is_the_same(seed: int, quality: int) -> None:
    picture = scene(seed)
    assert apart(picture, recompressed(picture, quality)) <= SAME


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, factor=st.floats(0.7, 1.25))
def test_the_same_picture_brighter_or_darker_is_the_same(seed: int, factor: float) -> None:
    picture = scene(seed)
    assert apart(picture, ImageEnhance.Brightness(picture).enhance(factor)) <= SAME


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nearly_every_picture_in_a_frame_of_a_tenth_is_the_same(level: int) -> None:
    same = 0
    for seed in range(40):
        picture = scene(seed)
        framed = ImageOps.expand(picture, border=(48, 60, 48, 60), fill=(level, level, level))
        same += apart(picture, recompressed(framed, 85)) <= SAME
    assert same >= 39


def test_a_photo_between_two_black_bars_is_the_same() -> None:
    picture = scene(5)
    assert apart(picture, ImageOps.expand(picture, border=(0, 80, 0, 80))) <= SAME


def test_other_proportions_make_no_other_picture() -> None:
    picture = scene(8)
    assert apart(picture, picture.resize((400, 400))) <= SAME


@settings(max_examples=40, deadline=None)
@given(one=SEEDS, other=SEEDS)
def test_two_pictures_are_far_apart(one: int, other: int) -> None:
    if one != other:
        assert apart(scene(one, 240, 300), scene(other, 240, 300)) > 2 * SAME


def test_a_wall_behind_somebody_is_no_frame() -> None:
    """An even edge that ends in something round belongs to the picture, however it is stored."""
    rng = np.random.default_rng(1)
    wall = np.full((600, 480, 3), 250, np.uint8)
    rows, columns = np.mgrid[:600, :480]
    person = ((rows - 420) / 300) ** 2 + ((columns - 240) / 170) ** 2 < 1
    wall[person] = np.asarray(scene(2))[person]
    wall = np.clip(wall + rng.normal(0, 2, wall.shape), 0, 255).astype(np.uint8)
    picture = Image.fromarray(wall)
    for variant in (resized(picture, 0.5), recompressed(picture, 40), ImageEnhance.Brightness(picture).enhance(0.9)):
        assert apart(picture, variant) <= SAME


@pytest.mark.parametrize("level", [0, 127, 255])
def test_an_empty_picture_has_no_hash(level: int) -> None:
    assert fingerprint(np.full((600, 480, 3), level, np.uint8)) is None


@pytest.mark.parametrize("quality", [30, 90])
def test_a_black_photo_with_noise_has_no_hash(quality: int) -> None:
    noise = np.random.default_rng(4).integers(0, 6, (1200, 900, 3)).astype(np.uint8)
    assert fingerprint(np.asarray(recompressed(Image.fromarray(noise), quality))) is None


def test_a_plain_gradient_has_no_hash() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 480)[None, :, None], (600, 480, 3)).astype(np.uint8)
    assert fingerprint(np.ascontiguousarray(ramp)) is None


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (63, 64), (64, 63), (200, 16)])
def test_tiny_pictures_and_strips_are_hashed_or_refused_but_never_fail(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(9).integers(0, 255, (*size, 3)).astype(np.uint8)
    found = fingerprint(pixels)
    assert found is None or len(found.bits) == 32


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, width=st.integers(40, 1500), height=st.integers(40, 1500))
def test_pillows_memory_gives_the_same_hash_as_an_array(seed: int, width: int, height: int) -> None:
    picture = scene(seed).resize((width, height))
    assert fingerprint(View(picture)) == fingerprint(np.asarray(picture))


@pytest.mark.parametrize("side", [0, 1, 2, 3], ids=["top", "right", "bottom", "left"])
def test_a_frame_on_one_side_alone_is_taken_off(side: int) -> None:
    picture = scene(11)
    left, top, right, bottom = (60 if side == place else 0 for place in (3, 0, 1, 2))
    framed = ImageOps.expand(picture, border=(left, top, right, bottom), fill=(180, 20, 60))
    assert apart(picture, framed) <= SAME


def test_the_hash_is_the_same_in_every_process() -> None:
    assert str(of(scene(77, 64, 64))) == str(of(scene(77, 64, 64)))
