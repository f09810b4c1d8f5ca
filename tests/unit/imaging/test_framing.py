"""The part of a photo that is shown."""

from __future__ import annotations

import numpy as np
import pytest

from lomi_ops.imaging.framing import Frame, framed


def quarters() -> np.ndarray:
    photo = np.zeros((200, 400, 3), np.uint8)
    photo[:100, 200:], photo[100:, :200], photo[100:, 200:] = 80, 160, 240
    return photo


def test_the_whole_photo_keeps_its_proportions_in_any_place() -> None:
    assert framed(quarters(), Frame(), 100, 100).shape == (50, 100, 3)
    assert framed(quarters(), Frame(), 1000, 60).shape == (60, 120, 3)
    assert framed(quarters(), Frame(), 1, 1).shape == (1, 1, 3)


@pytest.mark.parametrize(("right", "down", "colour"), [(-9, -9, 0), (9, -9, 80), (-9, 9, 160), (9, 9, 240)])
def test_the_frame_moves_to_the_edge_and_no_further(right: int, down: int, colour: int) -> None:
    corner = framed(quarters(), Frame().closer().moved(right, down), 20, 10)

    assert (corner == colour).all()


def test_closer_goes_to_eight_times_and_back_to_the_whole() -> None:
    frame = Frame()
    zooms = []
    for _ in range(5):
        frame = frame.closer()
        zooms.append(frame.zoom)

    assert zooms == [2, 4, 8, 1, 2]
