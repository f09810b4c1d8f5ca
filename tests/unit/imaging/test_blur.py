"""The blur engine as a measure, and its thresholds on the calibration photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from benchmarks import calibrate_blur as calibration
from lomi_ops.config.sections.judging import BlurSection
from lomi_ops.domain.finding import Box, Engine, Label
from lomi_ops.domain.verdict import Outcome
from worker.engines import blur
from worker.engines.blur import FACE_SIDE, SIDE, measure, sharpness

Pixels = npt.NDArray[np.uint8]


def scenery(width: int = 900, height: int = 700, seed: int = 3) -> Image.Image:
    """The statistics of a sharp photo: detail of all sizes, whose power falls with frequency squared."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width)
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / np.maximum(frequency, 1.0)
    grey = np.fft.irfft2(spectrum, s=(height, width))
    grey = 128 + 45 * (grey - grey.mean()) / grey.std()
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")


def score(image: Image.Image, side: int = SIDE) -> float:
    return measure(np.asarray(image), side)


def softened(image: Image.Image, sigma: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma))


def test_the_report_is_the_blur_engines_with_its_version() -> None:
    report = sharpness(np.asarray(scenery()), None)
    assert (report.engine, report.answered, report.model, report.version) == (Engine.BLUR, True, "laplacian", "1")
    assert [(f.label, f.score) for f in report.findings] == [(Label.SHARPNESS, 1.0)]


def test_a_face_is_measured_on_its_own() -> None:
    box = Box(300, 200, 250, 250)
    picture = scenery()
    soft = softened(picture, 12)
    soft.paste(picture.crop((300, 200, 550, 450)), (300, 200))
    face = next(f for f in sharpness(np.asarray(soft), box).findings if f.label is Label.FACE_SHARPNESS)
    assert face.box == box
    assert face.value == pytest.approx(score(picture.crop((300, 200, 550, 450)), FACE_SIDE), rel=1e-6)


@pytest.mark.parametrize("box", [Box(2000, 0, 50, 50), Box(0, 0, 15, 300), Box(890, 690, 300, 300), Box(5, 5, 0, 0)])
def test_a_face_outside_the_photo_or_too_small_gives_no_finding(box: Box) -> None:
    assert [f.label for f in sharpness(np.asarray(scenery()), box).findings] == [Label.SHARPNESS]


def test_a_face_over_the_edge_is_measured_where_it_lies_in_the_photo() -> None:
    report = sharpness(np.asarray(scenery()), Box(-100, -100, 300, 300))
    value = next(f.value for f in report.findings if f.label is Label.FACE_SHARPNESS)
    assert value == pytest.approx(score(scenery().crop((0, 0, 200, 200)), FACE_SIDE))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(900, 700), (400, 600), (1600, 1200), (300, 300)]))
def test_the_score_falls_on_every_step_of_a_gaussian_ladder(seed: int, size: tuple[int, int]) -> None:
    picture, unit = scenery(*size, seed), max(size) / 1600
    ladder = [score(softened(picture, sigma * unit)) for sigma in (0, 1, 2, 3, 4, 6, 8, 12)]
    assert ladder == sorted(ladder, reverse=True)
    assert ladder[0] > 2 * ladder[6]


SIZES = [(800, 600), (1600, 1100), (1200, 1200), (700, 1000)]


def at_three_sizes(picture: Image.Image) -> list[float]:
    return [score(calibration.resized(picture, factor)) for factor in (0.5, 1, 2)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sigma", [3, 4, 6, 8])
def test_a_softened_photo_at_half_and_double_size_scores_within_ten_per_cent(size: tuple[int, int], sigma: int) -> None:
    """Near the thresholds, where a difference would be another decision."""
    scores = at_three_sizes(softened(scenery(*size), sigma * max(size) / calibration.STANDARD))
    assert (max(scores) - min(scores)) / max(scores) <= 0.10


@pytest.mark.parametrize("size", SIZES)
def test_a_sharp_photo_at_half_and_double_size_stays_far_above_the_thresholds(size: tuple[int, int]) -> None:
    assert min(at_three_sizes(scenery(*size))) > 2 * BlurSection().review_below


@settings(max_examples=20, deadline=None)
@given(st.floats(0.25, 1.0), st.integers(0, 60))
def test_contrast_and_brightness_hardly_matter(contrast: float, brightness: int) -> None:
    pixels = np.asarray(scenery(seed=5)).astype(float)
    changed = np.clip(128 + (pixels - 128) * contrast + brightness - 30, 0, 255).astype(np.uint8)
    assert measure(changed, SIDE) == pytest.approx(measure(pixels.astype(np.uint8), SIDE), rel=0.15)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_empty_picture_scores_nothing(shade: int) -> None:
    assert measure(np.full((400, 300, 3), shade, np.uint8), SIDE) < 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 3))
@example(1, 3000, 0)
@example(16, 6000, 0)
@example(5000, 2, 1)
def test_every_shape_gives_a_finite_score(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for side in (SIDE, FACE_SIDE):
        value = measure(pixels, side)
        assert np.isfinite(value)
        assert value >= 0


def test_turning_a_photo_changes_nothing() -> None:
    pixels = np.asarray(scenery(640, 480))
    whole = measure(pixels, SIDE)
    for turned in (pixels[::-1], pixels[:, ::-1], pixels.transpose(1, 0, 2)):
        assert measure(np.ascontiguousarray(turned), SIDE) == pytest.approx(whole, rel=1e-3)


def test_a_view_scores_as_its_copy() -> None:
    """Face crops and hidden pixels may come as views."""
    view = np.asarray(scenery())[100:500, 100:600]
    assert measure(view, SIDE) == pytest.approx(measure(view.copy(), SIDE), rel=1e-6)


def test_read_only_pixels_will_do() -> None:
    pixels = np.asarray(scenery()).copy()
    pixels.setflags(write=False)
    assert measure(pixels, SIDE) > 0


# On real photos, where they are at hand.


def outcomes_of(photos: Path, make: Callable[[Image.Image], Image.Image]) -> list[Outcome]:
    policy = calibration.blur_policy()
    found = []
    for name in calibration.portraits(photos):
        with Image.open(photos / name) as file:
            picture = make(file.convert("RGB"))
        pixels = np.asarray(picture)
        report = sharpness(pixels, calibration.upper_middle(pixels))
        found.append(calibration.outcome_of(report, picture.size, policy))
    return found


@pytest.mark.photos
def test_no_sharp_portrait_is_doubted(photos: Path) -> None:
    assert set(outcomes_of(photos, lambda picture: picture)) == {Outcome.APPROVE}


@pytest.mark.photos
def test_no_sharp_portrait_is_doubted_at_half_its_size(photos: Path) -> None:
    assert set(outcomes_of(photos, lambda picture: calibration.resized(picture, 0.5))) == {Outcome.APPROVE}


@pytest.mark.photos
def test_every_portrait_blurred_with_sigma_8_is_rejected(photos: Path) -> None:
    def blurred(picture: Image.Image) -> Image.Image:
        return softened(calibration.resized(picture, calibration.STANDARD / max(picture.size)), 8)

    assert set(outcomes_of(photos, blurred)) == {Outcome.REJECT}


def test_the_thresholds_are_in_order() -> None:
    section = BlurSection()
    assert 0 < section.reject_below < section.review_below <= section.face_sharp_at


@pytest.mark.parametrize(("rows", "columns"), [(400, 533), (533, 400), (288, 288), (40, 61), (12, 300), (900, 11)])
def test_strips_give_what_the_whole_kernel_gives(rows: int, columns: int) -> None:
    grey = np.random.default_rng(rows).uniform(0, 255, (rows, columns)).astype(np.float32)
    found = blur._resample(grey, blur.SIDE)
    tall, wide = found.shape
    exact = blur._kernel(rows, tall).astype(np.float64) @ grey @ blur._kernel(columns, wide).T.astype(np.float64)

    assert np.allclose(found, exact, rtol=1e-5)
