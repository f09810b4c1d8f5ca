from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.finding import Box, Finding, Label
from lomi_ops.imaging.pixels import Pixels
from tests.onnx_models import detector, detector_manifest
from worker.engines.detector import Floats, Places, clamped, decode, rounded, suppress
from worker.engines.load import load_model

LANDSCAPE = np.zeros((240, 320, 3), dtype=np.uint8)  # ten times the input of 32 pixels, padded at the bottom


def look(tmp_path: Path, rows: list[list[float]], pixels: Pixels = LANDSCAPE, **changes: Any) -> tuple[Finding, ...]:
    path = detector(tmp_path / "boxes.onnx", rows)
    return load_model(detector_manifest(path, **changes), path).look(pixels)


def row(x: float, y: float, w: float, h: float, *scores: float) -> list[float]:
    return [x, y, w, h, *scores]


def test_boxes_come_back_in_pixels_of_the_photo(tmp_path: Path) -> None:
    (face,) = look(tmp_path, [row(10, 8, 4, 6, 0.9, 0.1, 0.0)])
    assert face.box == Box(80, 50, 40, 60)
    assert (face.label, face.raw_label) == (Label.FACE, "FACE")
    assert face.score == pytest.approx(0.9)


def test_boxes_are_cut_at_the_edges_of_the_photo_and_not_of_the_padding(tmp_path: Path) -> None:
    (low,) = look(tmp_path, [row(30, 23, 8, 4, 0.9, 0, 0)])
    assert low.box == Box(260, 210, 60, 30)  # right edge 320, bottom 240
    (high,) = look(tmp_path, [row(1, 1, 6, 6, 0.9, 0, 0)])
    assert high.box == Box(0, 0, 60, 60)  # cut at the near edges without shrinking, as the library does
    (outside,) = look(tmp_path, [row(16, 30, 2, 2, 0.9, 0, 0)])
    assert outside.box == Box(150, 240, 20, 0)


def test_boxes_lie_where_they_lay_when_the_padding_ends_at_a_stride(tmp_path: Path) -> None:
    rows = [row(10, 8, 4, 6, 0.9, 0.1, 0.0), row(30, 23, 8, 4, 0.8, 0, 0)]
    path = detector(tmp_path / "free.onnx", rows, sides=("height", "width"))
    resize = {"mode": "pad_right_bottom", "resample": "bilinear", "stride": 8}
    found = load_model(detector_manifest(path, input__resize=resize), path).look(LANDSCAPE)
    assert found == look(tmp_path, rows)
    assert [each.box for each in found] == [Box(80, 50, 40, 60), Box(260, 210, 60, 30)]


def test_pixels_are_cut_off_and_not_rounded(tmp_path: Path) -> None:
    (face,) = look(tmp_path, [row(10.19, 8.19, 4.09, 6.09, 0.9, 0, 0)])
    assert face.box == Box(81, 51, 40, 60)


def test_findings_come_best_first_with_labels_mapped(tmp_path: Path) -> None:
    rows = [row(5, 5, 2, 2, 0.3, 0.0, 0.0), row(15, 5, 2, 2, 0.1, 0.8, 0.2), row(25, 5, 2, 2, 0.0, 0.0, 0.5)]
    found = look(tmp_path, rows)
    assert [(f.label, f.raw_label) for f in found] == [
        (Label.PORN, "HARD"), (Label.NEUTRAL, "OTHER"), (Label.FACE, "FACE"),
    ]  # fmt: skip


def test_a_score_of_exactly_the_threshold_is_not_above_it(tmp_path: Path) -> None:
    assert look(tmp_path, [row(5, 5, 2, 2, 0.25, 0, 0)]) == ()
    assert len(look(tmp_path, [row(5, 5, 2, 2, 0.2500001, 0, 0)])) == 1


def test_of_overlapping_boxes_the_best_stays_whatever_the_labels(tmp_path: Path) -> None:
    rows = [row(10, 10, 8, 8, 0.6, 0, 0), row(10, 10, 8, 7, 0, 0.9, 0), row(25, 10, 4, 4, 0, 0, 0.4)]
    assert [f.raw_label for f in look(tmp_path, rows)] == ["HARD", "OTHER"]


def test_nothing_found_is_an_answer(tmp_path: Path) -> None:
    assert look(tmp_path, [row(10, 10, 8, 8, 0.1, 0.1, 0.1)]) == ()


@pytest.mark.parametrize("score", [1.1, -0.1])
def test_scores_outside_0_to_1_are_a_fault(tmp_path: Path, score: float) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        look(tmp_path, [row(10, 10, 8, 8, score, 0.5, 0.1)])


def test_rounded_boxes_are_centred_and_not_cut(tmp_path: Path) -> None:
    centre = {"mode": "pad_centre", "resample": "cv2_linear", "odd": "stretch"}
    rows = [row(10, 12, 4, 6, 0.9, 0, 0), row(1, 5, 6, 4, 0, 0.5, 0)]
    found = look(tmp_path, rows, input__resize=centre, output__style="rounded")
    assert [f.box for f in found] == [Box(80, 50, 40, 60), Box(-20, -10, 60, 40)]  # four rows of padding above


def test_a_thousand_rows_below_the_floor_cost_nothing() -> None:
    output = np.full((1, 7, 1000), 0.1, dtype=np.float32)
    assert len(decode(output, 0.2).scores) == 0


def test_the_floor_itself_passes() -> None:
    output = np.zeros((1, 7, 1), dtype=np.float32)
    output[0, 5] = 0.2
    rows = decode(output, 0.2)
    assert (rows.labels.tolist(), len(rows.boxes)) == ([1], 1)


def test_the_first_of_equal_scores_names_the_label() -> None:
    output = np.zeros((1, 7, 1), dtype=np.float32)
    output[0, 4:] = 0.5
    assert decode(output, 0.2).labels.tolist() == [0]


def places(*boxes: list[int]) -> Places:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def scores(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def test_equal_scores_keep_the_order_of_the_rows() -> None:
    apart = places([0, 0, 1, 1], [5, 5, 1, 1], [9, 9, 1, 1])
    assert suppress(apart, scores(0.5, 0.9, 0.5), 0.25, 0.45) == [1, 0, 2]


def test_an_overlap_of_exactly_the_threshold_stays() -> None:
    # 9 of 20 cells are shared: an overlap of 0.45.
    boxes = places([0, 0, 20, 1], [0, 0, 9, 1])
    assert suppress(boxes, scores(0.9, 0.8), 0.25, 0.45) == [0, 1]
    assert suppress(boxes, scores(0.9, 0.8), 0.25, 0.44) == [0]


def test_empty_boxes_suppress_each_other_and_nothing_else() -> None:
    boxes = places([0, 0, 0, 0], [5, 5, 0, 0], [0, 0, 4, 4])
    assert suppress(boxes, scores(0.9, 0.8, 0.7), 0.25, 0.45) == [0, 2]


def test_boxes_that_only_touch_do_not_overlap() -> None:
    boxes = places([0, 0, 4, 4], [4, 0, 4, 4], [0, 4, 4, 4])
    assert suppress(boxes, scores(0.9, 0.8, 0.7), 0.25, 0.0) == [0, 1, 2]


BOXES = st.lists(
    st.tuples(*(st.floats(0, 50, width=32) for _ in range(4)), st.floats(0, 1, width=32)), min_size=1, max_size=12
)


@given(BOXES)
def test_what_stays_is_confident_apart_and_best_first(boxes: list[tuple[float, ...]]) -> None:
    table = np.array(boxes, dtype=np.float64)
    kept = suppress(table[:, :4], table[:, 4].astype(np.float32), 0.25, 0.45)
    ranks = [boxes[index][4] for index in kept]
    assert ranks == sorted(ranks, reverse=True)
    assert all(score > 0.25 for score in ranks)
    assert len(set(kept)) == len(kept)
    assert suppress(table[kept, :4], table[kept, 4].astype(np.float32), 0.25, 0.45) == list(range(len(kept)))


@given(
    st.integers(1, 3000), st.integers(1, 3000), st.tuples(*(st.floats(-50, 400, width=32) for _ in range(2))),
    st.tuples(*(st.floats(0, 400, width=32) for _ in range(2))),
)  # fmt: skip
def test_clamped_boxes_lie_inside_the_photo(
    width: int, height: int, centre: tuple[float, float], extent: tuple[float, float]
) -> None:
    ((x, y, w, h),) = clamped(np.array([[*centre, *extent]], dtype=np.float32), width, height, 320)
    assert 0 <= x <= width
    assert 0 <= y <= height
    assert x + w <= width * (1 + 1e-6)
    assert y + h <= height * (1 + 1e-6)
    assert w >= 0
    assert h >= 0


def test_rounded_boxes_round_halves_to_even() -> None:
    found = rounded(np.array([[5.5, 6.5, 1, 3]], dtype=np.float32), 320, 320, 320)
    assert found.tolist() == [[5, 5, 1, 3]]
    found = rounded(np.array([[3, 4, 5, 5]], dtype=np.float32), 320, 320, 320)
    assert found.tolist() == [[0, 2, 5, 5]]  # 0.5 and 1.5
