"""A YOLOv8-style detector: boxes with labels in pixels of the upright photo.

Two sets of rules, because two versions of NudeNet place their boxes differently: `clamped` (3.4, padded right and
bottom) and `rounded` (3.0, padded on both sides). All arithmetic is in float32, as theirs is: the last bit decides
which whole pixel a box begins at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lomi_ops.config.manifest import Boxes
from lomi_ops.domain.finding import Box, Finding
from lomi_ops.imaging.view import Photo, View
from worker.engines.resize import inner_size
from worker.engines.session import Output, Session
from worker.engines.tensor import Preparation

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.float64]
"""`[n, 4]`: left, top, width, height in pixels of the photo."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is left of a model's rows after the floor."""

    boxes: Floats
    """`[n, 4]`: centre x, centre y, width, height in pixels of the input."""
    scores: Floats
    labels: npt.NDArray[np.intp]


class Detector:
    """Finds boxes in one photo at a time: the result cannot depend on its neighbours in a batch."""

    def __init__(self, session: Session, output: Boxes) -> None:
        self.session = session
        self._output = output
        self._prepare = Preparation(session.manifest.input)

    def look(self, photo: Photo) -> tuple[Finding, ...]:
        """Findings in descending order of score; none is an answer too. Raises ValueError for a faulty output."""
        view = View.of(photo)
        (tensor,) = self._prepare.tensors(view)
        rows = decode(self.session.run(tensor), self._output.floor)
        width, height = view.size
        size = self.session.manifest.input.size
        places = (
            clamped(rows.boxes, width, height, size)
            if self._output.style == "clamped"
            else rounded(rows.boxes, width, height, size)
        )
        kept = suppress(places, rows.scores, self._output.above, self._output.overlap)
        return tuple(self._finding(rows, places, index) for index in kept)

    def _finding(self, rows: Rows, places: Places, index: int) -> Finding:
        manifest = self.session.manifest
        raw = manifest.labels[rows.labels[index]]
        left, top, width, height = (int(side) for side in places[index])
        return Finding(manifest.mapping[raw], float(rows.scores[index]), Box(left, top, width, height), raw)


def decode(output: Output, floor: float) -> Rows:
    """Rows whose best score reaches `floor`, from a tensor `[1, 4 + labels, rows]`."""
    boxes, scores = output[0, :4].T, output[0, 4:].T
    if scores.size and not (float(scores.min()) >= 0.0 and float(scores.max()) <= 1.0):
        raise ValueError("scores lie outside 0..1")
    best = scores.max(axis=1)
    kept = best >= np.float32(floor)
    return Rows(boxes[kept], best[kept], scores[kept].argmax(axis=1))


def clamped(boxes: Floats, width: int, height: int, size: int) -> Places:
    """NudeNet 3.4: the square is as long as the photo's longer side; left and top are cut at the edges, and width and
    height end at the far edges, but do not shrink for what was cut at the near ones."""
    longest = np.float32(max(width, height))
    corner = boxes[:, :2] - boxes[:, 2:] / np.float32(2)
    near = corner * longest / np.float32(size)
    extent = boxes[:, 2:] * longest / np.float32(size)
    limits = np.array([width, height], dtype=np.float32)
    near = np.clip(near, np.float32(0), limits)
    return np.hstack([near, np.minimum(extent, limits - near)]).astype(np.float64)


def rounded(boxes: Floats, width: int, height: int, size: int) -> Places:
    """NudeNet 3.0: one factor from the diagonals, halves rounded to even, nothing cut."""
    inner_w, inner_h = inner_size(width, height, size)
    factor = np.float32(math.sqrt((width**2 + height**2) / (inner_w**2 + inner_h**2)))
    padding = np.array([(size - inner_w) // 2, (size - inner_h) // 2], dtype=np.float32)
    corner = boxes[:, :2] - boxes[:, 2:] * np.float32(0.5) - padding
    return np.rint(np.hstack([corner, boxes[:, 2:]]) * factor).astype(np.float64)


def suppress(places: Places, scores: Floats, above: float, overlap: float) -> list[int]:
    """Indices of the boxes that stay, best first, as OpenCV's NMSBoxes answers: scores strictly above, equal scores in
    the order of the rows, labels ignored, and the overlap compared in float32."""
    candidates = [int(i) for i in np.argsort(-scores, kind="stable") if scores[i] > np.float32(above)]
    kept: list[int] = []
    for index in candidates:
        if all(_overlap(places[index], places[other]) <= np.float32(overlap) for other in kept):
            kept.append(index)
    return kept


def _overlap(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> np.float32:
    """Intersection over union of two boxes."""
    areas = float(a[2] * a[3] + b[2] * b[3])
    if areas <= np.finfo(np.float64).eps:
        return np.float32(1.0)  # OpenCV calls two empty boxes the same
    sides = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    common = float(sides[0] * sides[1]) if (sides > 0).all() and min(*a[2:], *b[2:]) > 0 else 0.0
    return np.float32(1.0) - np.float32(1.0 - common / (areas - common))
