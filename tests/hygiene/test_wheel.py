"""The package as it is shipped: built, installed into an empty environment, and run."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return next(target.glob("*.whl"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def in_checkout(*patterns: str) -> Iterator[str]:
    for pattern in patterns:
        for path in ROOT.glob(pattern):
            if "__pycache__" not in path.parts and path.is_file():
                yield path.relative_to(ROOT).as_posix()


def test_the_wheel_carries_every_file_that_is_not_python(wheel: Path) -> None:
    shipped = names(wheel)

    files = in_checkout(*(f"lomi_ops/**/*.{ending}" for ending in ("sql", "lua", "yaml", "jpg", "md")))
    assert set(files) <= shipped
    shared = {name for name in in_checkout("templates/**/*", "completions/*") if not name.endswith(".keep")}
    assert {f"lomi_ops/_share/{name}" for name in shared} <= shipped
    assert "lomi_ops/_share/config.example.yaml" in shipped
    assert {"lomi_ops/py.typed", "worker/py.typed"} <= shipped


def test_the_wheel_carries_no_tests_and_no_weights(wheel: Path) -> None:
    shipped = names(wheel)

    assert not [name for name in shipped if name.startswith(("tests/", "benchmarks/")) or name.endswith(".onnx")]


def pins() -> str:
    """requirements.lock without its hashes: a wheel built a moment ago can have none."""
    lines = (line.partition(" \\")[0] for line in (ROOT / "requirements.lock").read_text().splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(" "))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_installed_clean_it_runs(wheel: Path, tmp_path: Path) -> None:
    """With what its own metadata names and nothing of this environment."""
    venv.create(tmp_path / "env", with_pip=True)
    folder = tmp_path / "env" / "bin"
    (tmp_path / "pins.txt").write_text(pins())
    install: list[str | Path] = [folder / "pip", "install", "-q", "--no-input", "-c", tmp_path / "pins.txt", wheel]
    installed = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=False)
    need(installed.returncode == 0, f"a registry to install from ({installed.stderr[-300:]})")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def lomi(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [folder / "lomi", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert "moderate" in lomi("--help").stdout
    assert lomi("config", "example").stdout == (ROOT / "config.example.yaml").read_text()
    unfit = lomi("moderate", str(ROOT / "lomi_ops/ops/demo/images/astronaut.jpg"), "--policy", "local")
    assert unfit.returncode == 2
    assert "lomi models add nudenet-320n" in unfit.stderr
