"""`lomi moderate` on files: no service around it but CompreFace, where a test brings its double."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import environment, lomi
from tests.acceptance.test_conduct import on_terminal
from tests.doubles.compreface import CompreFaceDouble
from tests.onnx_models import classifier, manifest
from tests.services import free_port

Samples = dict[str, Sample]
pytestmark = pytest.mark.usefixtures("weights")
NOWHERE: dict[str, Any] = {"LOMI_DATA": "/nowhere/at/all"}
"""No stack of this machine is near."""


@pytest.fixture
def files(tmp_path: Path, samples: Samples) -> dict[str, Path]:
    found = {}
    for name, file in {
        "portrait": "a.jpg", "blurred": "b.jpg", "two people": "sub/a.jpg", "text as .jpg": "text.jpg",
        "EXIF-rotated": "turned.jpg",
    }.items():  # fmt: skip
        path = tmp_path / "photos" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(samples[name].data)
        found[name] = path
    return found


def moderate(*words: object, check: int | None = 0, **extra: Any) -> dict[str, Any]:
    done = lomi("moderate", *words, "-o", "json", check=check, **NOWHERE, **extra)
    body: dict[str, Any] = json.loads(done.stdout)
    return body


def decisions(body: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(photo["decision"], photo["reason"]) for photo in body["photos"]]


def test_a_record_has_the_numbers_behind_the_decision(files: dict[str, Path], samples: Samples) -> None:
    body = moderate(files["EXIF-rotated"])

    (photo,) = body["photos"]
    assert (photo["path"], photo["decision"], photo["reason"]) == (str(files["EXIF-rotated"]), "approved", None)
    assert set(photo["scores"]) >= {
        "blur_variance", "has_face", "face_count", "estimated_age", "nsfw_scores", "processing_time_ms",
    }  # fmt: skip
    assert set(photo["timings_ms"]) >= {"decode"}
    with Image.open(files["EXIF-rotated"]) as stored:
        assert (photo["height"], photo["width"]) == stored.size, "upright: its sides have changed places"
    face = next(finding for finding in photo["findings"] if finding["label"] == "face")
    x, y, w, h = face["box"]
    assert 0 <= x < x + w <= photo["width"]
    assert 0 <= y < y + h <= photo["height"]
    assert 0 < face["score"] <= 1
    assert body["summary"] == {"total": 1, "approved": 1, "rejected": 0, "review": 0, "failed": 0, "unjudged": 0}
    assert body["policy"].startswith("local@")


def test_a_folder_is_searched_and_copies_never_overwrite_each_other(files: dict[str, Path], tmp_path: Path) -> None:
    body = moderate(tmp_path / "photos", "--annotate", tmp_path / "seen", check=1)

    copies = {photo["path"]: photo.get("annotated") for photo in body["photos"]}
    assert list(copies) == sorted(str(path) for path in files.values())
    assert copies.pop(str(files["text as .jpg"])) is None, "what was not decoded has no copy"
    assert len(set(copies.values())) == 4
    for photo in body["photos"]:
        if copy := photo.get("annotated"):
            with Image.open(copy) as drawn:
                assert drawn.size == (photo["width"], photo["height"])
    text = lomi("moderate", files["portrait"], "--annotate", tmp_path / "more", **NOWHERE)
    assert text.stdout.splitlines()[-1] == "1 photo by policy local@1: 1 approved"
    assert text.stderr == "", "progress is for people"
    assert [path.name for path in (tmp_path / "more").iterdir()] == ["a.jpg"]


def test_what_cannot_be_read_or_written_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    closed = tmp_path / "closed.jpg"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(closed))
        body = moderate(closed, check=3)
    assert decisions(body) == [("failed", "unreadable")]
    absent = lomi("moderate", tmp_path / "absent.jpg", check=2, **NOWHERE)
    assert (absent.stdout, absent.stderr.splitlines()[0]) == ("", f"error: {tmp_path}/absent.jpg does not exist")
    (tmp_path / "file").touch()
    unwritable = lomi("moderate", files["portrait"], "--annotate", tmp_path / "file" / "x", check=2, **NOWHERE)
    assert "cannot be written" in unwritable.stderr
    assert unwritable.stdout == ""


@pytest.mark.parametrize(
    ("words", "extra", "told"),
    [
        (["--policy", "strict"], {}, "--policy NAME, one of: default, local"),
        (["--model", "nudenet-321n"], {}, "nudenet-320n"),
        ([], {"LOMI_MODELS": "/nowhere"}, "lomi models add nudenet-320n"),
    ],
)
def test_what_is_missing_is_named_with_the_way_to_get_it(
    files: dict[str, Path], words: list[str], extra: dict[str, Any], told: str
) -> None:
    done = lomi("moderate", files["portrait"], *words, "-o", "json", check=2, **NOWHERE, **extra)

    assert done.stdout == ""
    assert told in done.stderr.splitlines()[-1]


def test_a_model_of_ones_own_judges(files: dict[str, Path], tmp_path: Path) -> None:
    file = classifier(tmp_path / "toy.onnx", [[0.0, 0.0]] * 3, bias=[5.0, 0.0])
    own = tmp_path / "toy.yaml"
    own.write_text(manifest(file).model_dump_json())

    body = moderate(files["portrait"], "--model", own, "--policy", "local", check=1)

    assert decisions(body) == [("rejected", "nsfw")]
    assert body["photos"][0]["scores"]["nsfw_scores"]["porn"] == pytest.approx(0.9933, abs=1e-3)


def test_jsonl_gives_a_photo_before_the_next_one_is_there(files: dict[str, Path], tmp_path: Path) -> None:
    late = tmp_path / "late.jpg"
    os.mkfifo(late)
    running = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "moderate", files["portrait"], late, "-o", "jsonl"],
        env=environment(**NOWHERE), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    first = json.loads(running.stdout.readline())
    late.write_bytes(files["blurred"].read_bytes())
    second = json.loads(running.stdout.readline())
    running.stdout.close()

    assert running.wait(60) == 1
    assert [(first["path"], first["decision"]), (second["path"], second["decision"])] == [
        (str(files["portrait"]), "approved"), (str(late), "rejected"),
    ]  # fmt: skip


def test_progress_is_shown_to_people(files: dict[str, Path]) -> None:
    assert "0/1" in on_terminal("moderate", str(files["portrait"]), **NOWHERE)


def test_the_calibration_photos_get_the_decisions_that_people_gave_them(photos: Path) -> None:
    body = moderate(photos, "--policy", "local", check=1)

    by_name = {Path(photo["path"]).name: (photo["decision"], photo["reason"]) for photo in body["photos"]}
    groups = {by_name.pop(name) for name in ("couple.jpg", "selfie-many-people.jpg")}
    assert groups == {("rejected", "group_photo")}
    assert len(by_name) == 61
    assert Counter(decision for decision, _ in by_name.values())["approved"] >= 60


def test_with_adult_ages_the_default_policy_approves_nine_of_ten(photos: Path) -> None:
    with CompreFaceDouble() as faces:
        body = moderate(photos, "--policy", "default", check=None, LOMI_COMPREFACE_URL=faces.url)

    assert body["summary"]["total"] == 63
    assert body["summary"]["approved"] >= 0.9 * 63
    assert faces.detections >= 63


def test_a_face_service_that_sees_nobody_approves_nobody(photos: Path) -> None:
    few = sorted(photos.glob("img1?.jpg"))[:4]
    with CompreFaceDouble(default_faces=()) as faces:
        sees_none = moderate(*few, "--policy", "default", check=None, LOMI_COMPREFACE_URL=faces.url)
    gone = moderate(*few, "--policy", "default", check=3, LOMI_COMPREFACE_URL=f"http://127.0.0.1:{free_port()}")

    assert sees_none["summary"]["approved"] == 0
    assert gone["summary"] == dict.fromkeys(gone["summary"], 0) | {"total": 4, "unjudged": 4}
    assert {reason for _, reason in decisions(gone)} == {"missing_evidence"}
