"""Files judged without any service: the same child, the same policy."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import ModelError, UsageError
from lomi_ops.ops.demo import sources
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.worker.conftest import settings_of
from worker.judging.host import JudgeCrash, JudgingProcess
from worker.moderate import Moderated, draw, expand, moderate


@pytest.fixture
def folder(tmp_path: Path, portrait: bytes) -> Path:
    top = tmp_path / "in"
    (top / "deep").mkdir(parents=True)
    (top / "a.jpg").write_bytes(portrait)
    (top / "b.JPG").write_bytes(b"text")
    (top / "notes.txt").write_bytes(b"no photo")
    blurred = io.BytesIO()
    sources.load("astronaut").convert("RGB").filter(ImageFilter.GaussianBlur(12)).save(blurred, "JPEG")
    (top / "deep" / "a.jpg").write_bytes(blurred.getvalue())
    return top


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch, weights: None) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})


def judged(folder: Path) -> dict[str, Moderated]:
    settings = settings_of()
    items = moderate(expand([folder]), settings, settings.active_policy())
    return {str(item.path.relative_to(folder)): item for item in items}


def test_a_folder_is_its_photos_and_a_named_file_is_itself(folder: Path) -> None:
    assert [path.name for path in expand([folder])] == ["a.jpg", "b.JPG", "a.jpg"]
    assert expand([folder / "notes.txt"]) == [folder / "notes.txt"]
    with pytest.raises(UsageError, match="does not exist"):
        expand([folder / "absent"])
    (folder / "empty").mkdir()
    with pytest.raises(UsageError, match="no photos"):
        expand([folder / "empty"])


def test_each_file_gets_its_decision_in_order(folder: Path, one_core: None) -> None:
    found = judged(folder)

    assert [(name, item.decision.status.value, item.decision.reason) for name, item in found.items()] == [
        ("a.jpg", "approved", None),
        ("b.JPG", "failed", "unreadable"),
        ("deep/a.jpg", "rejected", "blurry"),
    ]
    assert all(item.judged for item in found.values())
    assert set(found["a.jpg"].timings_ms) == {"decode", "averages", "nsfw", "beside", "blur"}


def test_what_is_too_large_or_cannot_be_read_fails(folder: Path, one_core: None) -> None:
    (folder / "c.jpg").symlink_to(folder / "absent.jpg")
    items = moderate(
        [folder / "a.jpg", folder / "c.jpg"],
        settings_of(images={"max_bytes": 1024}),
        settings_of().active_policy(),
    )

    assert [item.decision.reason for item in items] == ["too_large", "unreadable"]


def test_drawn_copies_have_boxes_and_do_not_overwrite_each_other(folder: Path, one_core: None, tmp_path: Path) -> None:
    settings, target = settings_of(), tmp_path / "out"
    found = judged(folder)

    drawn = [draw(item, target, settings, settings.active_policy()) for item in found.values()]

    assert drawn == [target / "a.jpg", None, target / "a-2.jpg"]
    with Image.open(folder / "a.jpg") as before, Image.open(target / "a.jpg") as after:
        assert before.size == after.size
        assert before.convert("RGB").tobytes() != after.convert("RGB").tobytes()


def test_a_photo_that_kills_its_judge_twice_is_not_judged_and_once_is_chance(
    folder: Path, one_core: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = JudgingProcess.look
    deaths = {b"text": 2}

    def touchy(self: JudgingProcess, data: bytes, *, canonical: bool) -> object:
        left = deaths.setdefault(data, 1)
        if left:
            deaths[data] = left - 1
            raise JudgeCrash("the judging process was ended by SIGSEGV while judging a photo")
        return look(self, data, canonical=canonical)

    monkeypatch.setattr(JudgingProcess, "look", touchy)

    found = judged(folder)

    assert found["a.jpg"].decision.status is MediaStatus.APPROVED
    assert (found["b.JPG"].decision.reason, found["b.JPG"].judged) == ("needs_review", False)


def test_without_its_model_nothing_is_judged(folder: Path, tmp_path: Path) -> None:
    settings = settings_of(models={"dir": tmp_path / "empty"})

    with pytest.raises(ModelError):
        next(moderate(expand([folder]), settings, settings.active_policy()))


@pytest.fixture
def service() -> Iterator[FaceService]:
    with CompreFaceDouble() as double:
        settings = settings_of("default", compreface={"urls": [double.url]})
        with FaceService(settings.compreface) as made:
            yield made


def test_a_face_service_is_asked_where_there_is_one(folder: Path, one_core: None, service: FaceService) -> None:
    settings = settings_of("default", compreface={"urls": ["http://127.0.0.1:9"]})

    (item,) = moderate([folder / "a.jpg"], settings, settings.active_policy(), service)

    assert item.decision.status is MediaStatus.APPROVED
    assert "faces" in item.timings_ms


def test_a_silent_face_service_leaves_a_photo_unjudged(folder: Path, one_core: None) -> None:
    settings = settings_of("default", compreface={"urls": ["http://127.0.0.1:9"]})
    with FaceService(settings.compreface) as nobody:
        (item,) = moderate([folder / "a.jpg"], settings, settings.active_policy(), nobody)

    assert (item.decision.reason, item.judged) == ("needs_review", False)
