from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lomi_ops.config.manifest import Classes, Manifest, Values
from lomi_ops.domain.finding import Finding, Label
from lomi_ops.imaging.pixels import Pixels
from tests.onnx_models import classifier, manifest
from worker.engines.classifier import Classifier, probabilities, worst
from worker.engines.load import load_model
from worker.engines.session import Session

WHITE, BLACK = (np.full((20, 30, 3), value, dtype=np.uint8) for value in (255, 0))
FIRST_CHANNEL_IS_NSFW = [[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def look(path: Path, described: Manifest, pixels: Pixels) -> tuple[Finding, ...]:
    return load_model(described, path).look(pixels)


def test_logits_become_a_softmax(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", FIRST_CHANNEL_IS_NSFW)
    nsfw, sfw = look(path, manifest(path), WHITE)
    assert nsfw.score == pytest.approx(math.exp(2) / (math.exp(2) + 1), abs=1e-6)
    assert nsfw.score + sfw.score == pytest.approx(1)
    assert (nsfw.label, nsfw.raw_label, nsfw.box) == (Label.PORN, "nsfw", None)
    assert (sfw.label, sfw.raw_label) == (Label.NEUTRAL, "sfw")


def test_the_order_of_labels_is_the_manifests(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", FIRST_CHANNEL_IS_NSFW)
    sfw, nsfw = look(path, manifest(path, labels=["sfw", "nsfw"]), WHITE)
    assert (sfw.raw_label, nsfw.raw_label) == ("sfw", "nsfw")
    assert nsfw.score == pytest.approx(1 / (math.exp(2) + 1), abs=1e-6)


def test_one_logit_becomes_a_probability(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", [[3.0], [0.0], [0.0]], bias=[-1.0])
    (nsfw,) = look(path, manifest(path, labels=["nsfw"], mapping={"nsfw": "porn"}), WHITE)
    assert nsfw.score == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-6)


def test_five_classes_with_channels_last_and_softmax_inside(tmp_path: Path) -> None:
    labels = ["drawings", "hentai", "neutral", "porn", "sexy"]
    mapping = {"drawings": "neutral", "hentai": "hentai", "neutral": "neutral", "porn": "porn", "sexy": "sexy"}
    weights = [[0.0, 1.0, 0.0, 3.0, 2.0], [0.0] * 5, [0.0] * 5]
    path = classifier(tmp_path / "toy.onnx", weights, layout="nhwc", softmax=True)
    described = manifest(path, input__layout="nhwc", labels=labels, mapping=mapping, output__values="softmax")
    found = {finding.label: finding.score for finding in look(path, described, WHITE) if finding.label != "neutral"}
    total = 2 + math.exp(1) + math.exp(2) + math.exp(3)
    assert found == pytest.approx(
        {Label.HENTAI: math.exp(1) / total, Label.PORN: math.exp(3) / total, Label.SEXY: math.exp(2) / total}, abs=1e-6
    )


def test_bytes_with_the_mean_taken_off_blue_first(tmp_path: Path) -> None:
    # Channel 0 is blue: (50 - 104) / 54 = -1, so the logits are -1 and 0.
    path = classifier(tmp_path / "toy.onnx", [[1 / 54, 0.0], [0.0, 0.0], [0.0, 0.0]], layout="nhwc")
    described = manifest(
        path, input__layout="nhwc", input__colour="bgr", input__scale=1.0, input__mean=[104.0, 117.0, 123.0]
    )
    pixels = np.full((9, 9, 3), (200, 100, 50), dtype=np.uint8)
    assert look(path, described, pixels)[0].score == pytest.approx(1 / (1 + math.e), abs=1e-6)


def test_half_precision_and_a_flat_input(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", FIRST_CHANNEL_IS_NSFW, layout="flat", half=True, softmax=True)
    described = manifest(path, input__layout="flat", input__dtype="f16", output__values="softmax")
    assert look(path, described, WHITE)[0].score == pytest.approx(math.exp(2) / (math.exp(2) + 1), abs=2e-3)


def test_probabilities_of_their_own_need_not_sum_to_one(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", [[0.9, 0.8], [0.0, 0.0], [0.0, 0.0]])
    nsfw, sfw = look(path, manifest(path, output__values="probabilities"), WHITE)
    assert (nsfw.score, sfw.score) == pytest.approx((0.9, 0.8))


@pytest.mark.parametrize("values", ["probabilities", "softmax"])
def test_numbers_outside_0_to_1_are_a_fault(tmp_path: Path, values: str) -> None:
    path = classifier(tmp_path / "toy.onnx", [[1.5, -0.5], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        look(path, manifest(path, output__values=values), WHITE)


def test_a_softmax_that_does_not_sum_to_one_is_a_fault(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", [[0.4, 0.4], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="sum to 1"):
        look(path, manifest(path, output__values="softmax"), WHITE)


def test_the_worst_tile_counts(tmp_path: Path) -> None:
    """A portrait that is white only in its last quarter: the centre alone sees half of it, tiles see it whole."""
    pixels = np.zeros((32, 8, 3), dtype=np.uint8)
    pixels[24:] = 255
    path = classifier(tmp_path / "toy.onnx", [[8.0, 0.0], [0.0, 0.0], [0.0, 0.0]], bias=[-4.0, 0.0])
    centre = {"mode": "centre_crop", "resample": "bilinear"}
    seen = {
        tiles: look(path, manifest(path, input__resize=centre | {"tiles": tiles}), pixels)[0].score for tiles in (1, 2)
    }
    assert seen[1] == pytest.approx(1 / (1 + math.exp(4)), abs=1e-5)
    assert seen[2] == pytest.approx(1 / (1 + math.exp(-4)), abs=1e-5)


def test_over_tiles_neutral_labels_keep_their_lowest_score() -> None:
    tiles = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert worst(tiles, [Label.PORN, Label.NEUTRAL]).tolist() == [0.9, 0.1]


def test_huge_logits_overflow_nowhere() -> None:
    huge = np.array([1e30, -1e30], dtype=np.float32)
    assert probabilities(huge, Values.LOGITS).tolist() == [1.0, 0.0]
    assert probabilities(huge[:1], Values.LOGITS).tolist() == [1.0]
    assert probabilities(huge[1:], Values.LOGITS).tolist() == [0.0]


def test_a_classifier_reports_every_label_even_when_it_is_sure(tmp_path: Path) -> None:
    path = classifier(tmp_path / "toy.onnx", FIRST_CHANNEL_IS_NSFW, bias=[-50.0, 50.0])
    described = manifest(path)
    assert isinstance(described.output, Classes)
    found = Classifier(Session(described, path), described.output).look(BLACK)
    assert [finding.raw_label for finding in found] == ["nsfw", "sfw"]
    assert found[0].score == pytest.approx(0, abs=1e-12)
