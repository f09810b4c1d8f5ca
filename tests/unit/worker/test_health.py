from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from worker import health
from worker.health import Health, HealthNotWritten


def note(state: str = "ready", at: float = 100.0, pid: int | None = None) -> Health:
    return Health(pid or os.getpid(), state, at, 0.0)


def test_a_note_is_read_back(tmp_path: Path) -> None:
    now = time.time()

    health.write(tmp_path / "h.json", note(at=now + 60))

    assert health.read_all(tmp_path / "h.json") == [note(at=now + 60)]


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


def test_slots_that_ask_for_no_job_are_stuck_though_the_beat_goes_on() -> None:
    stuck = replace(note(at=1000.0), stuck_after_s=900.0, unclaimed_s=895.0)

    assert "stuck" in str(health.complaint(stuck, 1010.0))
    assert health.complaint(stuck, 1003.0) is None
    assert health.complaint(replace(stuck, state="waiting"), 1010.0) is None


def test_a_wall_clock_that_jumps_makes_no_slot_look_stuck() -> None:
    busy = replace(note(at=1000.0 + 3600.0), stuck_after_s=900.0, unclaimed_s=60.0)

    assert health.complaint(busy, 1000.0 + 3605.0) is None
    assert health.complaint(busy, 1000.0) is None, "back again"


def test_where_the_disk_is_full_the_old_note_stays_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "h.json"
    health.write(path, note(at=50.0))
    os.utime(path, (50.0, 50.0))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("json.dump", full)
    with pytest.raises(HealthNotWritten, match="No space left"):
        health.write(path, note(at=60.0))

    assert time.time() - health.read_all(path)[0].at < 60
    assert [file.name for file in tmp_path.iterdir()] == ["h.json"]


def test_a_worker_takes_its_note_along_when_it_goes(tmp_path: Path) -> None:
    health.write(tmp_path / "h.json", note())

    health.remove(tmp_path / "h.json")
    health.remove(tmp_path / "h.json")

    assert list(tmp_path.iterdir()) == []


def test_a_note_whose_pid_has_gone_to_another_process_is_that_of_a_dead_worker() -> None:
    ours = replace(note(), born=health.birth(os.getpid()))

    assert health.complaint(ours, 100.0) is None
    assert "gone" in str(health.complaint(replace(ours, born="1"), 100.0))
