from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lomi_ops.config.manifest import Manifest
from lomi_ops.config.model_files import record_path
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import ModelsSection, PolicySection
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.domain.finding import Engine, EngineReport, Evidence, Label
from lomi_ops.domain.policy import Requirement, judge
from lomi_ops.domain.verdict import Outcome, Reason
from lomi_ops.errors import ModelError
from lomi_ops.imaging.pixels import Pixels
from tests.onnx_models import (
    classifier,
    detector,
    detector_manifest,
    manifest,
    not_finite_when_dark,
    raises_when_bright,
    sha256,
)
from worker.engines import load
from worker.engines.load import Engines, Model, load_engines, load_model, verify_model
from worker.engines.session import Output, Session
from worker.engines.tensor import Tensor

WHITE, GREY, BLACK = (np.full((24, 32, 3), value, dtype=np.uint8) for value in (255, 127, 0))
FACE_ROW = [16.0, 12.0, 8.0, 8.0, 0.9, 0.0, 0.0]
HARD_ROW = [4.0, 12.0, 4.0, 4.0, 0.0, 0.7, 0.0]
POLICY = PolicySection().to_policy("default")
LOCAL = replace(POLICY, requires=frozenset({Requirement.FACES, Requirement.NSFW}))


class Folder:
    """A folder of installed models."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(self, described: Manifest, file: Path) -> None:
        (self.path / f"{described.name}.yaml").write_text(described.model_dump_json())
        record_path(file).write_text(f"{sha256(file)}  {file.name}\n")

    def boxes(self, *rows: list[float], name: str = "boxes") -> Path:
        file = detector(self.path / f"{name}.onnx", rows or [FACE_ROW, HARD_ROW])
        self.install(detector_manifest(file, name=name), file)
        return file

    def toy(self, name: str = "toy", weights: Sequence[Sequence[float]] = ((1.0, 0.0), (0.0, 0.0), (0.0, 0.0))) -> Path:
        file = classifier(self.path / f"{name}.onnx", weights)
        self.install(manifest(file, name=name), file)
        return file

    def settings(self, *nsfw: str, faces: str = "boxes", compreface: tuple[str, ...] = ()) -> Settings:
        models = ModelsSection(nsfw=nsfw, local_faces=faces, dir=self.path)
        return Settings(models=models, compreface=CompreFaceSection(urls=compreface))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def engines_of(*models: Model, faces: Model | None = None) -> Engines:
    return Engines(tuple(models), faces)


def one(engines: Engines, pixels: Pixels) -> tuple[EngineReport, EngineReport]:
    (reports,) = engines.look([pixels])
    return reports


def test_one_run_gives_nudity_and_faces(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.boxes()
    engines = load_engines(folder.settings("boxes"), LOCAL)
    calls: list[Session] = []
    run = Session.run

    def counted(session: Session, tensor: Tensor) -> Output:
        calls.append(session)
        return run(session, tensor)

    monkeypatch.setattr(Session, "run", counted)
    nsfw, faces = one(engines, GREY)
    assert len(calls) == 1
    assert (nsfw.engine, faces.engine) == (Engine.NSFW, Engine.FACES)
    assert [(f.label, f.raw_label) for f in nsfw.findings] == [(Label.FACE, "FACE"), (Label.PORN, "HARD")]
    assert [f.label for f in faces.findings] == [Label.FACE]
    assert (nsfw.model, nsfw.version) == ("boxes@1/rgb", sha256(folder.path / "boxes.onnx"))
    assert (faces.model, faces.version) == (nsfw.model, nsfw.version)
    assert nsfw.elapsed_ms > 0
    assert faces.elapsed_ms == 0


def test_photos_are_answered_in_their_order_and_as_if_they_were_alone(folder: Folder) -> None:
    folder.toy(weights=((3.0, 0.0), (0.0, 0.0), (0.0, 0.0)))
    folder.boxes()
    engines = load_engines(folder.settings("toy"), LOCAL)
    photos = [WHITE, BLACK, GREY, WHITE]
    together = [nsfw.findings for nsfw, _ in engines.look(photos)]
    assert together == [one(engines, photo)[0].findings for photo in photos]
    assert together[0] == together[3]
    assert together[0][0].score > together[2][0].score > together[1][0].score
    assert engines.look([]) == []


def test_of_several_models_the_highest_score_per_label_counts(folder: Folder) -> None:
    folder.toy("mild", ((1.0, 0.0), (0.0, 0.0), (0.0, 0.0)))
    folder.toy("sure", ((4.0, 0.0), (0.0, 0.0), (0.0, 0.0)))
    folder.boxes()
    engines = load_engines(folder.settings("mild", "sure"), LOCAL)
    nsfw, _ = one(engines, WHITE)
    evidence = Evidence(32, 24, (nsfw,))
    assert evidence.top_score(Label.PORN) == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-6)
    assert [f.raw_label for f in nsfw.findings] == ["nsfw", "sfw"] * 2
    assert nsfw.model == "mild@1/rgb+sure@1/rgb"
    assert nsfw.version.count("+") == 1
    assert list(engines.describe()) == ["mild@1/rgb", "sure@1/rgb", "boxes@1/rgb"]


def test_all_models_must_answer(tmp_path: Path) -> None:
    good = load_model(manifest(), classifier(tmp_path / "good.onnx", [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    file = not_finite_when_dark(tmp_path / "dark.onnx")
    engines = engines_of(good, load_model(manifest(name="dark"), file))
    assert one(engines, GREY)[0].answered
    report = one(engines, BLACK)[0]
    assert not report.answered
    assert report.findings == ()
    assert report.detail == "dark@1/rgb: output holds numbers that are not finite"


def test_a_run_that_raises_is_unavailable_and_the_next_photo_is_not(tmp_path: Path) -> None:
    file = raises_when_bright(tmp_path / "bright.onnx")
    engines = engines_of(load_model(manifest(output__values="softmax"), file))
    reports = [nsfw for nsfw, _ in engines.look([WHITE, GREY])]
    assert [report.answered for report in reports] == [False, True]
    assert reports[0].detail
    assert "\n" not in reports[0].detail


def test_scores_outside_0_to_1_are_unavailable_and_no_score(tmp_path: Path) -> None:
    file = detector(tmp_path / "boxes.onnx", [[16, 12, 8, 8, 1.5, 0.0, 0.0]])
    model = load_model(detector_manifest(file), file)
    nsfw, faces = one(engines_of(model, faces=model), GREY)
    assert not nsfw.answered
    assert not faces.answered
    assert nsfw.findings == faces.findings == ()
    assert "outside 0..1" in faces.detail


def test_pixels_of_the_wrong_kind_are_unavailable(tmp_path: Path) -> None:
    model = load_model(manifest(), classifier(tmp_path / "toy.onnx", [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    assert not one(engines_of(model), np.zeros((8, 8), dtype=np.uint8))[0].answered


@pytest.mark.parametrize("pixels", [WHITE, BLACK])
def test_a_fault_never_approves(tmp_path: Path, pixels: Pixels) -> None:
    dark = load_model(manifest(), not_finite_when_dark(tmp_path / "dark.onnx"))
    bright = load_model(manifest(name="bright", output__values="softmax"), raises_when_bright(tmp_path / "bright.onnx"))
    boxes = load_model(detector_manifest(), detector(tmp_path / "boxes.onnx", [FACE_ROW]))
    evidence = Evidence(32, 24, one(engines_of(dark, bright, faces=boxes), pixels))
    verdict = judge(evidence, LOCAL)
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason is Reason.MISSING_EVIDENCE


def test_without_models_there_is_no_answer() -> None:
    nsfw, faces = one(Engines((), None), GREY)
    assert not nsfw.answered
    assert not faces.answered
    assert Engines((), None).describe() == {}


def test_a_missing_model_stops_the_start_and_names_the_command(folder: Folder) -> None:
    with pytest.raises(ModelError, match="falconsai is not installed") as caught:
        load_engines(folder.settings("falconsai"), LOCAL)
    assert caught.value.hint == "lomi models add falconsai"


def test_an_altered_model_stops_the_start(folder: Folder) -> None:
    folder.boxes()
    file = folder.path / "boxes.onnx"
    file.write_bytes(file.read_bytes() + b"\x00")
    with pytest.raises(ModelError, match="altered"):
        load_engines(folder.settings("boxes"), LOCAL)


def test_a_policy_that_requires_nsfw_is_not_satisfied_by_no_model(folder: Folder) -> None:
    folder.boxes()
    with pytest.raises(ModelError, match=r"models\.nsfw is empty"):
        load_engines(folder.settings(), LOCAL)


def test_a_policy_with_thresholds_needs_its_models_even_where_it_does_not_require_them(folder: Folder) -> None:
    folder.boxes()
    relaxed = replace(LOCAL, requires=frozenset({Requirement.FACES}))
    with pytest.raises(ModelError, match="not installed"):
        load_engines(folder.settings("falconsai"), relaxed)
    assert load_engines(folder.settings("falconsai"), replace(relaxed, nsfw={})).nsfw == ()


def test_without_compreface_the_local_face_detector_must_load(folder: Folder) -> None:
    folder.toy()
    with pytest.raises(ModelError, match="no model is called boxes"):
        load_engines(folder.settings("toy"), LOCAL)
    with pytest.raises(ModelError, match=r"models\.local_faces empty"):
        load_engines(folder.settings("toy", faces=""), LOCAL)


def test_with_compreface_the_local_face_detector_may_be_absent_but_not_broken(folder: Folder) -> None:
    folder.toy()
    with_service = folder.settings("toy", faces="nudenet-320n", compreface=("http://127.0.0.1:1",))
    assert load_engines(with_service, POLICY).faces is None
    assert load_engines(folder.settings("toy", faces="", compreface=("http://x",)), POLICY).faces is None
    (folder.path / "320n.onnx").write_bytes(b"broken")
    with pytest.raises(ModelError, match="altered"):
        load_engines(with_service, POLICY)


def test_with_compreface_an_installed_local_detector_is_ready_as_fallback(folder: Folder) -> None:
    folder.toy()
    folder.boxes()
    engines = load_engines(folder.settings("toy", compreface=("http://x",)), POLICY)
    assert engines.faces is not None
    nsfw, faces = one(engines, GREY)
    assert [f.raw_label for f in nsfw.findings] == ["nsfw", "sfw"]
    assert [f.label for f in faces.findings] == [Label.FACE]
    assert faces.elapsed_ms > 0


def test_a_classifier_cannot_be_the_face_detector(folder: Folder) -> None:
    folder.toy()
    with pytest.raises(ModelError, match="finds no faces"):
        load_engines(folder.settings("toy", faces="toy"), LOCAL)


def test_a_manifest_file_is_as_good_as_a_name(folder: Folder, tmp_path: Path) -> None:
    folder.boxes()
    file = classifier(tmp_path / "own.onnx", [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    path = tmp_path / "own.yaml"
    path.write_text(manifest(file, name="own").model_dump_json())
    engines = load_engines(folder.settings(str(path)), LOCAL)
    assert list(engines.describe()) == ["own@1/rgb", "boxes@1/rgb"]


def test_verify_runs_a_model_on_a_generated_photo(folder: Folder) -> None:
    file = folder.boxes()
    trial = verify_model(detector_manifest(file), file, sha256(file))
    assert (trial.ref, trial.sha256) == ("boxes@1/rgb", sha256(file))
    assert trial.elapsed_ms > 0


def test_verify_finds_a_model_that_only_answers_grey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = not_finite_when_dark(tmp_path / "dark.onnx")
    monkeypatch.setattr(load, "_generated_photo", lambda: BLACK)
    with pytest.raises(ModelError, match="failed its test inference"):
        verify_model(manifest(file), file)
