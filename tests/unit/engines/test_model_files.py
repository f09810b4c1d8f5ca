from __future__ import annotations

from pathlib import Path

import pytest

from lomi_ops.config import model_files
from lomi_ops.errors import ModelError
from tests import onnx_models
from tests.onnx_models import manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    path.mkdir()
    return path


def add_own(folder: Path, *, record: bool = True) -> Path:
    """Puts a model of one's own there, as `lomi models add` does."""
    file = onnx_models.classifier(folder / "toy.onnx", [[1, 0], [0, 1], [0, 0]])
    (folder / "toy.yaml").write_text(manifest().model_dump_json())
    if record:
        model_files.record_path(file).write_text(f"{onnx_models.sha256(file)}  toy.onnx\n")
    return file


def test_a_chosen_folder_is_the_only_one() -> None:
    assert model_files.model_folders(Path("/srv/models")) == (Path("/srv/models"),)
    assert model_files.install_folder(Path("/srv/models")) == Path("/srv/models")


def test_without_a_choice_the_own_folder_comes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/venv")
    first, second = model_files.model_folders(None)
    assert first == model_files.install_folder(None)
    assert second == Path("/venv/share/lomi/models")


def test_root_keeps_models_in_var_lib_and_others_in_their_data_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert model_files.data_folder() == Path("/var/lib/lomi/models")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert model_files.data_folder() == Path("/data/lomi/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/abebe")
    assert model_files.data_folder() == Path("/home/abebe/.local/share/lomi/models")


def test_a_model_of_the_catalogue_without_a_file_is_known_but_not_installed(folder: Path) -> None:
    found = model_files.locate("falconsai", folder)
    assert found.path is None
    assert found.bundled
    with pytest.raises(ModelError, match="falconsai is not installed") as caught:
        model_files.require("falconsai", folder)
    assert caught.value.hint == "lomi models add falconsai"


def test_an_unknown_name_suggests_the_nearest(folder: Path) -> None:
    with pytest.raises(ModelError, match="no model is called falconsay") as caught:
        model_files.locate("falconsay", folder)
    assert "falconsai" in caught.value.hint
    with pytest.raises(ModelError) as caught:
        model_files.locate("zzz", folder)
    assert caught.value.hint == "lomi models list"


def test_a_file_without_a_recorded_sha256_is_not_trusted(folder: Path) -> None:
    onnx_models.classifier(folder / "falconsai.onnx", [[1, 0], [0, 1], [0, 0]])
    with pytest.raises(ModelError, match="no sha256 is recorded"):
        model_files.require("falconsai", folder)


def test_a_recorded_sha256_is_what_the_file_has_to_be(folder: Path) -> None:
    file = add_own(folder)
    found, path, sha256 = model_files.require("toy", folder)
    assert (found, path, sha256) == (manifest(), file, onnx_models.sha256(file))
    assert model_files.installed_manifests(folder) == {"toy": folder / "toy.yaml"}


@pytest.mark.parametrize("record", ["", "not a hash", "abcdef  toy.onnx", "\x00\x01"])
def test_a_damaged_record_is_an_error_and_not_the_absence_of_one(folder: Path, record: str) -> None:
    file = add_own(folder)
    model_files.record_path(file).write_text(record)
    with pytest.raises(ModelError, match="sha256"):
        model_files.require("toy", folder)


def test_a_record_that_is_not_text_is_an_error(folder: Path) -> None:
    file = add_own(folder)
    model_files.record_path(file).write_bytes(b"\xff" * 70)
    with pytest.raises(ModelError, match="cannot read"):
        model_files.require("toy", folder)


def test_the_catalogues_sha256_wins_over_a_record(folder: Path) -> None:
    (folder / "320n.onnx").write_bytes(b"something else")
    (folder / "320n.onnx.sha256").write_text("0" * 64 + "  320n.onnx\n")
    assert model_files.locate("nudenet-320n", folder).sha256 == model_files.catalogue()["nudenet-320n"].sha256


def test_a_manifest_given_by_path_brings_its_file_along_and_may_be_unrecorded(folder: Path, tmp_path: Path) -> None:
    file = add_own(folder, record=False)
    found, path, sha256 = model_files.require(str(folder / "toy.yaml"), tmp_path / "elsewhere")
    assert (found.name, path, sha256) == ("toy", file, None)


def test_a_name_cannot_lead_out_of_the_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match="no model is called"):
        model_files.locate("..%2ftoy", folder)


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert model_files.installed_manifests(tmp_path / "absent") == {}
    assert model_files.locate("nudenet-320n", tmp_path / "absent").path is None
