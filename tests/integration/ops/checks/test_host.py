"""Each check of this machine, on a machine of which just that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.fleet import Clock
from tests.chaos.machines import LIBRARIES
from tests.conftest import need
from tests.integration.ops.checks.conftest import Find, assert_only, detail, hint, value
from tests.integration.ops.conftest import ONLY_SERVED, Lomi, Said, Sound, statuses, troubled

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("root is missing, who could mount a small file system")
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"the right to mount is missing ({made.stderr.strip()})")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(("used", "status"), [(5, "pass"), (7.4, "warn"), (7.9, "fail")])
def test_the_fullest_disk_that_we_write_to_is_what_counts(
    sound: Sound, find: Find, small_disk: Path, monkeypatch: pytest.MonkeyPatch, used: float, status: str
) -> None:
    (small_disk / "lomi-photos").mkdir()
    (small_disk / "ballast").write_bytes(b"x" * int(used * MIB))
    monkeypatch.setenv("LOMI_OBJECTS", str(small_disk))

    said = find()

    if status == "pass":
        assert troubled(said) == {}
        return
    assert_only(said, "host.disk", status)
    assert f"of the disk of {small_disk} is in use" in detail(said, "host.disk")
    assert hint(said, "host.disk") == f"make room: du -xsh {small_disk}/*"


def test_a_full_disk_for_temporary_files_counts_too(
    sound: Sound, find: Find, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_disk / "ballast").write_bytes(b"x" * int(7.9 * MIB))
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))

    assert_only(find(), "host.disk", "fail")


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    need(found, "libfaketime")
    return Clock(tmp_path / "clock", str(found[0]))


@pytest.mark.parametrize(
    ("ahead_s", "status", "words"),
    [(0, "pass", ""), (10, "warn", "s ahead of"), (-30, "warn", "s behind"), (90, "fail", "s ahead of")],
)
def test_a_clock_that_is_off_is_told_with_by_how_much(
    sound: Sound, clock: Clock, ahead_s: int, status: str, words: str
) -> None:
    clock.set(ahead_s)

    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", "check", "-o", "json", *ONLY_SERVED],
        env={**os.environ, **clock.environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    said = Said(done.returncode, done.stdout, done.stderr)
    clocks = ("host.clock_redis", "host.clock_postgres")
    seen = troubled(said)
    assert {slug: seen.get(slug, "pass") for slug in clocks} == dict.fromkeys(clocks, status)
    for slug in clocks:
        assert words in detail(said, slug)
        assert abs(value(said, slug) - abs(ahead_s)) < 2


def test_the_models_are_looked_for_on_a_machine_that_is_to_run_a_worker(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOMI_MODELS", str(tmp_path / "empty"))

    said = lomi("check", "-o", "json", "--scope", "worker")

    assert troubled(said) == {"host.models": "fail"}
    assert "nudenet-320n" in detail(said, "host.models")
    assert "lomi models add nudenet-320n" in hint(said, "host.models")
    assert statuses(lomi("check", "-o", "json", "--only", "host"))["host.models"] == "skip"
    assert statuses(lomi("check", "-o", "json", "--only", "host.models"))["host.models"] == "fail"


def test_an_altered_model_is_not_taken_for_the_installed_one(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "320n.onnx").write_bytes(b"not the model")
    monkeypatch.setenv("LOMI_MODELS", str(models))

    said = lomi("check", "-o", "json", "--only", "host.models")

    assert statuses(said)["host.models"] == "fail"
    assert detail(said, "host.models") == f"{models}/320n.onnx is not the file that was installed"
    assert hint(said, "host.models") == "lomi models add nudenet-320n"
