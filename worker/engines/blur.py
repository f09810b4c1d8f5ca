"""The blur engine: how much fine detail a photo has for its own contrast, at a fixed size. numpy only.

The rule of thumb, variance of the Laplacian at native size, says little: the same photo scores up to 16 times less
at half the resolution, and a sharp photo of fog less than a blurred one of a fence. Three steps make it a measure:

* **fixed size**: luminance is resampled to `SIDE` pixels with one Gaussian whose width, together with the pixels it
  averages, is the same for every source size. So a photo at 0.5x, 1x and 2x gives nearly the same picture;
* **own contrast**: the variance of the Laplacian is divided by that of the same picture smoothed, and
  multiplied by what the latter is in an ordinary photo (`_REFERENCE`), which keeps the familiar unit;
* **a floor** (`_FLOOR`) below which detail is noise: an empty photo scores 0, not 0/0.

`benchmarks/calibrate_blur.py` measures it; `docs/calibration.md` has the table.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lomi_ops.domain.finding import Box, Engine, EngineReport, EngineStatus, Finding, Label
from lomi_ops.imaging.averages import WHOLE, Grey, averaged
from lomi_ops.imaging.pixels import Samples
from lomi_ops.imaging.view import Photo, View

MODEL = "laplacian"
VERSION = "1"
"""Raise it with every change of the measure: thresholds belong to a version."""

_FINER = 1.5
"""Times the fixed size that averaging over blocks leaves at least."""
SIDE = int(WHOLE / _FINER)
"""Longest side, in pixels, of what is measured in a whole photo."""
FACE_SIDE = 128
"""The same for the crop of a face."""

_SPREAD = 0.6
"""Standard deviation, in pixels of the fixed size, of everything that averages: source pixel and kernel together."""
_SMOOTHINGS = 4
_REFERENCE = 15.0
_FLOOR = 0.25
_LEAST_SIDE = 2 * _SMOOTHINGS + 3
"""So that a picture survives its smoothing; only strips of 1:26 and more get there."""
_LEAST_FACE = 16
"""Pixels. A smaller crop says nothing about sharpness."""
_STRIP = 20
"""Target pixels that are resampled at once."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What can be said of a photo before anybody knows where its faces are."""

    value: float
    elapsed_ms: float


def of_whole(photo: Photo) -> Whole:
    """The first half of `sharpness`; releases the interpreter most of the time."""
    started = time.perf_counter()
    return Whole(_measured(View.of(photo).averages.grey, SIDE), (time.perf_counter() - started) * 1000)


def sharpness(photo: Photo, face: Box | None, whole: Whole | None = None) -> EngineReport:
    """SHARPNESS of the photo, and FACE_SHARPNESS of the crop where there is a face; each as `value`, score 1.0.

    A face box that lies outside the upright photo or is too small gives no finding. `whole` is what `of_whole` said of
    the same photo, where it was asked before.
    """
    whole = whole or of_whole(photo)
    started = time.perf_counter()
    findings = [Finding(Label.SHARPNESS, 1.0, value=whole.value)]
    crop = None if face is None else _crop(View.of(photo).samples, face)
    if face is not None and crop is not None:
        findings.append(Finding(Label.FACE_SHARPNESS, 1.0, box=face, value=measure(crop, FACE_SIDE)))
    elapsed = whole.elapsed_ms + (time.perf_counter() - started) * 1000
    return EngineReport(Engine.BLUR, MODEL, VERSION, EngineStatus.ANSWERED, tuple(findings), elapsed_ms=elapsed)


def measure(samples: Samples, side: int) -> float:
    """Sharpness at a fixed longest side: 0 for an empty picture, some hundreds for a sharp one."""
    return _measured(averaged(samples, _FINER * side).grey, side)


def _measured(grey: Grey, side: int) -> float:
    fine = _resample(grey, side)
    coarse = fine
    for _ in range(_SMOOTHINGS):
        coarse = _smooth(coarse)
    return _REFERENCE * _detail(fine) / (_detail(coarse) + _FLOOR)


def _crop(samples: Samples, box: Box) -> Samples | None:
    """The part of the box that lies in the photo; None where too little is left to measure."""
    height, width = samples.shape[:2]
    left, top, right, bottom = max(0, box.x), max(0, box.y), min(width, box.x + box.w), min(height, box.y + box.h)
    if right - left < _LEAST_FACE or bottom - top < _LEAST_FACE:
        return None
    return samples[top:bottom, left:right]


def _resample(grey: Grey, side: int) -> Grey:
    """To `side` pixels at the longest side, larger or smaller; at least `_LEAST_SIDE` at the other."""
    rows, columns = grey.shape
    scale = side / max(rows, columns)
    tall, wide = (max(_LEAST_SIDE, round(length * scale)) for length in (rows, columns))
    down = np.empty((tall, columns), dtype=np.float32)
    for strip in _strips(rows, tall):
        np.matmul(strip.weights, grey[strip.reads], out=down[strip.writes])
    resampled = np.empty((tall, wide), dtype=np.float32)
    for strip in _strips(columns, wide):
        resampled[:, strip.writes] = down[:, strip.reads] @ strip.weights.T
    return resampled


@dataclass(frozen=True, slots=True)
class _Strip:
    """Some neighbours among the target pixels, and the source pixels that weigh in them: a kernel is mostly zeros."""

    writes: slice
    reads: slice
    weights: Grey


@lru_cache(maxsize=32)
def _strips(source: int, target: int) -> tuple[_Strip, ...]:
    kernel, made = _kernel(source, target), []
    for top in range(0, target, _STRIP):
        part = kernel[top : top + _STRIP]
        (used,) = np.nonzero(part.any(axis=0))
        reads = slice(int(used[0]), int(used[-1]) + 1)
        weights = np.ascontiguousarray(part[:, reads])
        weights.setflags(write=False)
        made.append(_Strip(slice(top, top + len(part)), reads, weights))
    return tuple(made)


def _kernel(source: int, target: int) -> Grey:
    """(target, source) weights of a Gaussian around each target pixel, rows summing to 1.

    A source pixel is itself an average over a box of `step` target pixels, variance step**2 / 12: the Gaussian makes
    up the rest to `_SPREAD`. Enlarging needs at least half a source pixel of it to interpolate smoothly.
    """
    step = target / source
    width = max(np.sqrt(max(_SPREAD**2 - step**2 / 12, 0.0)), 0.45 * step)
    centres = (np.arange(target) + 0.5) / step - 0.5
    distance = (np.arange(source)[None, :] - centres[:, None]) * step / width
    weights = np.where(np.abs(distance) <= 4, np.exp(-0.5 * distance**2), 0.0)
    kernel: Grey = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return kernel


def _smooth(grey: Grey) -> Grey:
    """The binomial 1-2-1 filter in both directions; one pixel less at each edge."""
    rows = grey[:-2] + 2 * grey[1:-1] + grey[2:]
    smooth: Grey = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return smooth


def _detail(grey: Grey) -> float:
    """Variance of the Laplacian (kernel 0 1 0, 1 -4 1, 0 1 0), edges left out."""
    centre = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * centre
    return float(laplacian.var(dtype=np.float64))
