"""The same photos, the library's recorded answers, and the models that a demo and a laptop use."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.nudenet_agreement import differences, load
from lomi_ops.config import model_files
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import PolicySection
from lomi_ops.domain.finding import Evidence, Label
from lomi_ops.domain.policy import counted_faces
from worker.engines.load import Engines, load_engines, load_model

GOLDEN = Path(__file__).parents[2] / "golden"
POLICY = PolicySection().to_policy("default")


def recorded(version: str) -> Mapping[str, Any]:
    photos: Mapping[str, Any] = json.loads((GOLDEN / f"nudenet-{version}.json").read_text())["photos"]
    return photos


@pytest.fixture(scope="module")
def engines(nudenet: Path) -> Engines:
    return load_engines(Settings(), POLICY)


@pytest.fixture(scope="module")
def people(photos: Path) -> dict[str, int]:
    with (photos / "expected.csv").open() as table:
        return {row["file"]: int(row["people"]) for row in csv.DictReader(table)}


@pytest.mark.parametrize(("name", "version"), [("nudenet-320n-compat", "3.4.2"), ("nudenet-3.0", "3.0.8")])
def test_fed_like_the_library_a_model_gives_the_librarys_detections(name: str, version: str, photos: Path) -> None:
    found = model_files.locate(name)
    if found.path is None:
        pytest.skip(f"the model {name} is not installed")
    model = load_model(found.manifest, found.path, sha256=found.sha256)
    answers = recorded(version)
    assert len(answers) == 63
    for photo, answer in answers.items():
        assert hashlib.sha256((photos / photo).read_bytes()).hexdigest() == answer["sha256"]
        same, gap = differences(model.look(load(photos / photo)), answer["detections"])
        assert same, photo
        assert gap <= 1e-5, photo


def test_the_record_holds_boxes_to_agree_with() -> None:
    for version in ("3.4.2", "3.0.8"):
        assert sum(len(answer["detections"]) for answer in recorded(version).values()) > 80


def test_ordinary_portraits_show_one_person_each_and_no_nudity(
    engines: Engines, photos: Path, people: dict[str, int]
) -> None:
    for photo, count in people.items():
        ((nsfw, faces),) = engines.look([load(photos / photo)])
        evidence = Evidence(0, 0, (nsfw, faces))
        counted = len(counted_faces(evidence, POLICY.faces))
        assert counted == 1 if count == 1 else counted > 1, photo
        for label, zones in POLICY.nsfw.items():
            assert zones.review_at is not None
            assert evidence.top_score(label) < zones.review_at, photo


def test_a_photo_at_half_its_size_keeps_its_faces_and_their_scores(engines: Engines, photos: Path) -> None:
    for photo in ("img1.jpg", "img7.jpg", "img13.jpg", "img54.jpg"):
        whole = load(photos / photo)
        half = np.asarray(Image.fromarray(whole).resize((whole.shape[1] // 2, whole.shape[0] // 2)))
        first, second = ([finding.score for finding in faces.findings] for _, faces in engines.look([whole, half]))
        assert len(first) == len(second) == 1
        assert abs(first[0] - second[0]) < 0.05


def test_photos_in_one_call_score_as_they_do_alone(engines: Engines, photos: Path) -> None:
    pictures = [load(photos / name) for name in ("couple.jpg", "img5.jpg", "img6.jpg")]
    together = [nsfw.findings for nsfw, _ in engines.look(pictures)]
    assert together == [engines.look([picture])[0][0].findings for picture in pictures]


def test_nudenets_faces_stay_in_the_nsfw_report_as_a_second_vote(engines: Engines, photos: Path) -> None:
    ((nsfw, faces),) = engines.look([load(photos / "img1.jpg")])
    votes = [finding for finding in nsfw.findings if finding.label is Label.FACE]
    assert votes == list(faces.findings)
    assert {finding.raw_label for finding in nsfw.findings} > {"FACE_FEMALE"}
    assert nsfw.version == model_files.catalogue()["nudenet-320n"].sha256
