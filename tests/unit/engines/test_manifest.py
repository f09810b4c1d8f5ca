from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lomi_ops.config.manifest import PERMISSIVE, Layout, parse_manifest, read_manifest
from lomi_ops.config.model_files import catalogue
from lomi_ops.domain.finding import Label
from lomi_ops.errors import ModelError
from tests.onnx_models import detector_manifest, manifest

NSFW = {Label.PORN, Label.SEXY, Label.HENTAI}
PADDED = {"mode": "pad_right_bottom", "resample": "bilinear", "stride": 8}


def test_every_model_of_the_catalogue_looks_for_nudity_and_says_where_it_comes_from() -> None:
    assert len(catalogue()) >= 10
    for name, entry in catalogue().items():
        assert entry.name == name
        assert NSFW & set(entry.mapping.values())
        assert entry.source
        assert entry.about


def test_only_nudenet_asks_for_its_licence_to_be_accepted() -> None:
    restricted = {name for name, entry in catalogue().items() if not entry.permissive}
    assert restricted == {name for name in catalogue() if name.startswith("nudenet")}
    for name in restricted:
        assert catalogue()[name].licence == "AGPL-3.0-only"
        assert "AGPL" in catalogue()[name].licence_note


def test_models_that_share_a_file_agree_on_its_sha256() -> None:
    pins: dict[str, set[str | None]] = {}
    for entry in catalogue().values():
        pins.setdefault(entry.file, set()).add(entry.sha256)
    assert all(len(found) == 1 for found in pins.values())


def test_nudenet_maps_exposed_parts_to_porn_and_clothed_breasts_to_nothing() -> None:
    mapping = catalogue()["nudenet-320n"].mapping
    labels = catalogue()["nudenet-320n"].labels
    assert {labels.index(raw) for raw, label in mapping.items() if label is Label.PORN} == {2, 3, 4, 6, 14}
    assert {labels.index(raw) for raw, label in mapping.items() if label is Label.FACE} == {1, 12}
    assert mapping["FEMALE_BREAST_COVERED"] is Label.NEUTRAL


def test_the_compat_entry_differs_from_the_default_in_colour_and_resize_only() -> None:
    compat, default = catalogue()["nudenet-320n-compat"], catalogue()["nudenet-320n"]
    assert compat.input.colour == "bgr"
    assert compat.input.resize.resample == "cv2_linear"
    same = {"name", "about", "input"}
    assert compat.model_dump(exclude=same) == default.model_dump(exclude=same)
    assert compat.input.model_dump(exclude={"colour", "resize"}) == default.input.model_dump(
        exclude={"colour", "resize"}
    )


def test_the_shape_of_the_tensor_follows_the_layout() -> None:
    assert manifest().input.shape == (1, 3, 8, 8)
    assert manifest(input__layout="nhwc").input.shape == (1, 8, 8, 3)
    assert manifest(input__layout="flat").input.shape == (1, 192)
    assert manifest(input__layout="flat").input.layout is Layout.FLAT


def test_a_reference_names_model_version_and_colour_order() -> None:
    assert manifest(input__colour="bgr").ref == "toy@1/bgr"


def test_licences_that_ask_for_a_notice_only_are_permissive() -> None:
    assert manifest().permissive
    assert not manifest(licence="AGPL-3.0-only").permissive
    assert not manifest(licence="mit-ish").permissive
    assert {"MIT", "Apache-2.0"} <= PERMISSIVE


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"colour": "rgb"}, "colour: no such key"),
        ({"input__colur": "bgr"}, "did you mean colour?"),
        ({"input__layout": "chw"}, "input.layout"),
        ({"input__size": "8"}, "input.size"),
        ({"input__scale": 0.0}, "input.scale"),
        ({"input__std": [0.5, 0.0, 0.5]}, "std must be above 0"),
        ({"input__mean": [0.5, 0.5]}, "input.mean"),
        ({"input__resize__tiles": 2}, "tiles and crop_pct belong to centre_crop"),
        ({"input__resize": {"mode": "pad_centre", "resample": "area", "crop_from": 9}}, "crop_from belongs to squash"),
        ({"input__resize__crop_from": 4}, "crop_from is smaller than size"),
        ({"input__resize": {"mode": "squash", "resample": "nearest", "reducing_gap": 2.0}}, "reducing_gap belongs to"),
        ({"input__resize__stride": 8}, "stride belongs to pad_right_bottom"),
        ({"input__size": 12, "input__resize": PADDED}, "size must be a multiple of stride"),
        ({"input__layout": "flat", "input__resize": PADDED}, "stride needs a layout with a height and a width"),
        ({"labels": ["nsfw", "nsfw"]}, "labels holds a name twice"),
        ({"labels": ["nsfw", "sfw", "art"]}, "mapping lacks art"),
        ({"mapping": {"nsfw": "porn", "sfw": "neutral", "art": "neutral"}}, "mapping names art"),
        ({"mapping": {"nsfw": "rude", "sfw": "neutral"}}, "mapping.nsfw"),
        ({"mapping": {"nsfw": "sharpness", "sfw": "neutral"}}, "mapping uses sharpness"),
        ({"mapping": {"nsfw": "neutral", "sfw": "neutral"}}, "finds nothing"),
        ({"mapping": {"nsfw": "face", "sfw": "neutral"}}, "cannot find faces"),
        ({"labels": ["nsfw"], "mapping": {"nsfw": "porn"}, "output__values": "softmax"}, "softmax over one label"),
        ({"output__kind": "oracle"}, "output"),
        ({"sha256": "abc"}, "sha256"),
        ({"file": "../toy.onnx"}, "file"),
        ({"name": "Toy Model"}, "name"),
        ({"version": 1}, "version"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_key_that_is_wrong(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ModelError) as caught:
        manifest(**changes)
    assert complaint in caught.value.message
    assert "toy.yaml" in caught.value.message


def test_a_detector_that_squashes_the_photo_is_refused() -> None:
    with pytest.raises(ModelError, match="needs the whole photo in its shape"):
        detector_manifest(input__resize={"mode": "squash", "resample": "area"})


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        manifest(licence=3, input__size=2, output__values="odds")
    assert all(key in caught.value.message for key in ("licence", "input.size", "output.values"))


@pytest.mark.parametrize(
    "text", ["", "just words", "[1, 2", "a: 2026-11-20", "a: .nan", "{1: 2}", "&a [*a]", "a: " + "[" * 5000]
)
def test_what_is_no_manifest_at_all_is_a_model_error(text: str) -> None:
    with pytest.raises(ModelError, match=r"broken\.yaml"):
        parse_manifest(text, "broken.yaml")


def test_a_manifest_survives_its_way_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(json.loads(manifest().model_dump_json())))
    assert read_manifest(path) == manifest()


def test_a_missing_binary_or_huge_manifest_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        read_manifest(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot read"):
        read_manifest(tmp_path / "binary.yaml")
    (tmp_path / "huge.yaml").write_text("#" * 300_000)
    with pytest.raises(ModelError, match="too large"):
        read_manifest(tmp_path / "huge.yaml")
