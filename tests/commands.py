"""Command lines in this process, on a machine that has no settings: fixtures for a conftest to take over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.cli.main import run
from lomi_ops.clients.containers import place
from lomi_ops.config import paths

FOREIGN = ("LOMI_", "REDIS_", "DB_", "S3_", "COMPREFACE_", "TELEGRAM_", "DOCKER_")


@dataclass
class Said:
    """What one command line said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Exactly one JSON document, or this fails."""
        body: dict[str, Any] = json.loads(self.out)
        return body

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Lomi = Callable[..., Said]


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's settings is seen."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setattr(paths, "SYSTEM_CONFIG", tmp_path / "no.yaml")
    monkeypatch.setattr(paths, "SYSTEM_DATA", tmp_path / "no-stack")
    monkeypatch.setattr(place, "SOCKET", str(tmp_path / "no-docker.sock"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lomi(capsys: pytest.CaptureFixture[str]) -> Lomi:
    def call(*words: object) -> Said:
        code = run([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return call
