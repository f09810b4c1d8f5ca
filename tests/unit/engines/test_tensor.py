from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lomi_ops.config.model_files import catalogue
from lomi_ops.imaging.pixels import Pixels
from tests.onnx_models import manifest
from worker.engines.tensor import Preparation, Tensor

RED = np.full((8, 8, 3), (255, 51, 0), dtype=np.uint8)


def tensor(pixels: Pixels = RED, **changes: Any) -> Tensor:
    (only,) = Preparation(manifest(**changes).input).tensors(pixels)
    return only


def test_channels_come_first_and_bytes_become_shares() -> None:
    found = tensor()
    assert found.shape == (1, 3, 8, 8)
    assert found.dtype == np.float32
    assert found[0, :, 3, 4].tolist() == pytest.approx([1.0, 0.2, 0.0])


def test_blue_first_swaps_red_and_blue() -> None:
    assert tensor(input__colour="bgr")[0, :, 0, 0].tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_mean_and_std_are_in_the_models_colour_order() -> None:
    found = tensor(input__colour="bgr", input__scale=1.0, input__mean=[104.0, 117.0, 123.0])
    assert found[0, :, 0, 0].tolist() == [-104.0, 51.0 - 117.0, 255.0 - 123.0]
    found = tensor(input__mean=[0.5, 0.5, 0.5], input__std=[0.5, 0.25, 1.0])
    assert found[0, :, 0, 0].tolist() == pytest.approx([1.0, -1.2, -0.5])


def test_channels_come_last_where_the_model_wants_them_there() -> None:
    found = tensor(input__layout="nhwc")
    assert found.shape == (1, 8, 8, 3)
    assert found[0, 0, 0].tolist() == pytest.approx([1.0, 0.2, 0.0])


@pytest.mark.parametrize(("layout", "shape"), [("nchw", (1, 3, 8, 16)), ("nhwc", (1, 8, 16, 3))])
def test_with_a_stride_a_tensor_is_as_narrow_as_its_photo(layout: str, shape: tuple[int, ...]) -> None:
    resize = {"mode": "pad_right_bottom", "resample": "bilinear", "stride": 8}
    assert tensor(RED[:4], input__layout=layout, input__size=16, input__resize=resize).shape == shape


def test_flat_half_precision_is_rows_of_pixels() -> None:
    found = tensor(input__layout="flat", input__dtype="f16", input__scale=1.0, input__mean=[128.0] * 3)
    assert found.shape == (1, 192)
    assert found.dtype == np.float16
    assert found[0, :6].tolist() == [127.0, -77.0, -128.0, 127.0, -77.0, -128.0]


def test_the_private_detector_gets_what_its_authors_feed_it() -> None:
    spec = catalogue()["private-detector"].input
    (found,) = Preparation(spec).tensors(np.full((960, 480, 3), 255, dtype=np.uint8))
    image = found.reshape(480, 480, 3)
    assert (image[:, :120] == 0).all()  # padding of 128
    assert (image[:, 120:360] == np.float16(127 / 128)).all()


def test_opennsfw2_gets_blue_first_bytes_without_their_mean() -> None:
    spec = catalogue()["opennsfw2"].input
    (found,) = Preparation(spec).tensors(np.full((300, 500, 3), (200, 100, 50), dtype=np.uint8))
    assert found.shape == (1, 224, 224, 3)
    assert np.abs(found[0] - (50 - 104, 100 - 117, 200 - 123)).max() <= 2  # the JPEG moves a colour by a level or two


def test_a_portrait_gives_marqo_two_tiles() -> None:
    tiles = Preparation(catalogue()["marqo-384"].input).tensors(np.zeros((640, 480, 3), dtype=np.uint8))
    assert [tile.shape for tile in tiles] == [(1, 3, 384, 384)] * 2


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8), dtype=np.uint8),
        np.zeros((8, 8, 4), dtype=np.uint8),
        np.zeros((8, 8, 3), dtype=np.float32),
        np.zeros((0, 8, 3), dtype=np.uint8),
    ],
)
def test_anything_but_rgb_bytes_is_refused(pixels: Pixels) -> None:
    with pytest.raises(ValueError, match="pixels must be uint8"):
        tensor(pixels)
