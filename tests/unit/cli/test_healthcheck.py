"""`lomi worker --healthcheck`: the notes of the workers on this machine, with and without a file named."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Lomi
from worker.health import Health, default_file, write

Note = Callable[..., Path]


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Note:
    """A worker's note in the place where nobody named another."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def put(pid: int, state: str = "ready", age_s: float = 0.0) -> Path:
        path = default_file(pid)
        at = time.time() - age_s
        write(path, Health(pid, state, at, 0.0))
        os.utime(path, (at, at))
        return path

    return put


@pytest.fixture
def gone() -> int:
    """The pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_no_worker_is_neither_well_nor_ill(lomi: Lomi, note: Note) -> None:
    said = lomi("worker", "--healthcheck")

    assert (said.code, said.out) == (3, "")
    assert said.err == "error: no worker runs here\n  try: lomi worker\n"


def test_several_workers_are_well_together(lomi: Lomi, note: Note) -> None:
    note(os.getpid())
    note(os.getppid(), "waiting")

    said = lomi("worker", "--healthcheck")

    assert (said.code, said.out, said.err) == (0, "healthy\n", "")


@pytest.mark.parametrize(
    ("state", "age_s", "words"), [("ready", 60, "has not moved for"), ("starting", 0, "has not loaded its models")]
)
def test_one_of_several_that_is_ill_is_named(lomi: Lomi, note: Note, state: str, age_s: float, words: str) -> None:
    note(os.getpid())
    note(os.getppid(), state, age_s)

    said = lomi("worker", "--healthcheck")

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"error: worker {os.getppid()} {words}")


def test_what_a_killed_worker_left_behind_counts_only_where_it_is_named(lomi: Lomi, note: Note, gone: int) -> None:
    left = note(gone)
    note(os.getpid())

    assert lomi("worker", "--healthcheck").code == 0
    named = lomi("worker", "--healthcheck", "--health-file", left)

    assert named.code == 1
    assert f"worker {gone} is gone" in named.err


def test_the_file_may_be_named_by_the_environment(
    lomi: Lomi, note: Note, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_WORKER__HEALTH_FILE", str(tmp_path / "mine.json"))
    note(os.getpid())

    assert lomi("worker", "--healthcheck").code == 3
