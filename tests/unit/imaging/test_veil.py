"""What may be seen of a photo before somebody asks for more."""

from __future__ import annotations

import numpy as np
import pytest

from lomi_ops.imaging.veil import GRAIN, veiled


def noise(height: int = 400, width: int = 300, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_photos_that_are_the_same_at_eight_pixels_have_the_same_veil() -> None:
    """Nothing finer is in it, whatever is done with the bytes that a terminal is sent."""
    flat = np.full((400, 400, 3), 127, np.uint8)
    checks = np.where((np.indices((400, 400)).sum(axis=0) % 2)[:, :, None] == 0, 0, 254).astype(np.uint8)
    writing = np.full((400, 400, 3), 127, np.uint8)
    writing[:, ::10], writing[:, 5::10] = 27, 227

    veils = [veiled(np.ascontiguousarray(np.broadcast_to(each, (400, 400, 3)))) for each in (flat, checks, writing)]

    assert (veils[0] == veils[1]).all()
    assert (veils[0] == veils[2]).all()


def test_a_veil_is_grey_and_says_no_more_than_its_few_pixels() -> None:
    veil = veiled(noise())

    assert (veil[:, :, 0] == veil[:, :, 1]).all()
    assert (veil[:, :, 0] == veil[:, :, 2]).all()
    steps = np.abs(np.diff(veil[:, :, 0].astype(int), axis=1))
    assert steps.max() <= 255 / (veil.shape[1] / (2 * GRAIN)), "no edge, wherever one was in the photo"


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 320), (3000, 600), (65, 64)])
def test_a_veil_has_about_the_proportions_of_its_photo(height: int, width: int) -> None:
    veil = veiled(noise(height, width))

    assert veil.shape[0] / veil.shape[1] == pytest.approx(height / width, rel=0.02)
