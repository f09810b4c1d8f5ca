"""`lomi models` as people type it, in this process."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from lomi_ops.cli import models
from lomi_ops.errors import ModelError, Refused
from tests.onnx_models import classifier, manifest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine's settings or models is seen."""
    for name in os.environ:
        if re.match(r"LOMI_|REDIS_|DATABASE_", name):
            monkeypatch.delenv(name)
    chosen = tmp_path / "models"
    monkeypatch.setenv("LOMI_MODELS", str(chosen))
    monkeypatch.chdir(tmp_path)
    return chosen


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = classifier(tmp_path / "toy.onnx", [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    path = tmp_path / "toy.yaml"
    path.write_text(manifest(file, licence="CC-BY-NC-4.0", licence_note="Not for money.").model_dump_json())
    return path


def run(*arguments: str | Path) -> Any:
    app = typer.Typer()
    app.add_typer(models.app, name="models")
    return app(["models", *map(str, arguments)], standalone_mode=False)


def test_add_list_and_verify_in_words(own: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused, match="Not for money"):
        run("add", own)
    assert run("add", own, "--accept-licence") == 0
    out, err = capsys.readouterr()
    assert f"toy 1 is installed: {folder / 'toy.onnx'}" in out
    assert "is recorded" in out
    assert "licence: CC-BY-NC-4.0. Not for money." in err
    assert run("list") == 0
    listed = capsys.readouterr().out
    assert re.search(r"toy +installed +porn +CC-BY-NC-4.0 \(to accept\)", listed)
    assert re.search(r"falconsai +- +porn +Apache-2.0", listed)
    assert run("verify") == 0
    assert re.search(r"toy +ok", capsys.readouterr().out)


def test_the_same_as_json(own: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", own, "--accept-licence", "-o", "json") == 0
    added = json.loads(capsys.readouterr().out)
    assert (added["schema"], added["name"], added["recorded"]) == ("lomi.models.add/v1", "toy", True)
    assert run("list", "-o", "json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["folders"] == [str(folder)]
    by_name = {model["name"]: model for model in listed["models"]}
    assert by_name["toy"]["sha256"] == added["sha256"]
    assert by_name["nudenet-320n"]["finds_faces"]
    assert not by_name["nudenet-320n"]["installed"]
    assert run("verify", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    assert run("list", "-o", "jsonl") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(by_name)


def test_an_altered_model_makes_verify_fail(own: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", own, "--accept-licence")
    (folder / "toy.onnx").write_bytes(b"")
    capsys.readouterr()
    assert run("verify", "toy") == 1
    assert "altered" in capsys.readouterr().out


def test_a_file_that_nobody_recorded_is_shown_as_unchecked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / "falconsai.onnx").write_bytes(b"")
    assert run("list") == 0
    assert re.search(r"falconsai +unchecked", capsys.readouterr().out)


def test_nothing_installed_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "no model is installed" in err


def test_dir_wins_over_the_settings(own: Path, folder: Path, tmp_path: Path) -> None:
    assert run("add", own, "--accept-licence", "--dir", tmp_path / "venv") == 0
    assert (tmp_path / "venv" / "toy.onnx").is_file()
    assert not folder.exists()


def test_an_unknown_model_is_named_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="no model is called nudenet") as caught:
        run("add", "nudenet-32n")
    assert "nudenet-320n" in caught.value.hint
