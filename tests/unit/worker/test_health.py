from __future__ import annotations

import os
from pathlib import Path

from worker import health
from worker.health import Health


def note(state: str = "ready", at: float = 100.0, pid: int | None = None) -> Health:
    return Health(pid or os.getpid(), state, at, 99.0)


def test_a_note_is_read_back(tmp_path: Path) -> None:
    health.write(tmp_path / "h.json", note())

    assert health.read_all(tmp_path / "h.json") == [note()]


def test_a_fresh_note_of_a_living_worker_is_healthy() -> None:
    assert health.complaint(note(), 120.0) is None
    assert health.complaint(note("waiting"), 120.0) is None


def test_a_hung_a_dead_and_a_starting_worker_are_not() -> None:
    assert "not moved" in str(health.complaint(note(), 131.0))
    assert "gone" in str(health.complaint(note(pid=2**22 - 3), 100.0))
    assert "models" in str(health.complaint(note("starting"), 100.0))


def test_a_note_never_goes_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "h.json").symlink_to(victim)

    health.write(tmp_path / "h.json", note())

    assert victim.read_text() == "precious"
    assert not (tmp_path / "h.json").is_symlink()


def test_rubbish_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text("{")

    assert health.read_all(tmp_path / "h.json") == []
    assert health.read_all(tmp_path / "absent.json") == []
