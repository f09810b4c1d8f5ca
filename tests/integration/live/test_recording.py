"""Frames on disk."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lomi_ops.domain.frame import Event, Frame, packed
from lomi_ops.domain.measure import Labels, Measured
from lomi_ops.errors import LomiError, NotFound
from lomi_ops.ops.live.recording import Mark, Recording

AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
READY = ("lomi_queue_jobs", (("state", "ready"),))


def frame(s: float, ready: float = 0, *events: Event) -> Frame:
    return Frame(Measured(AT + timedelta(seconds=s), {READY: ready}), events=events)


def at(s: float) -> datetime:
    return AT + timedelta(seconds=s)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "top.db"


@pytest.mark.parametrize("again", [False, True], ids=["while it is written", "opened again"])
def test_every_frame_is_found_again_at_its_time(path: Path, again: bool) -> None:
    frames = [frame(s, s * 3) for s in range(0, 300, 7)]
    recording = Recording(path)
    for each in frames:
        recording.add(each)
    if again:
        recording.close()
        recording = Recording(path, create=False)

    assert recording.span == (frames[0].at, frames[-1].at)
    for before, each in zip([None, *frames], frames, strict=False):
        assert recording.at(each.at) == each
        assert recording.at(each.at + timedelta(seconds=6)) == each
        assert recording.next(each.at, -1) == before
        if before:
            assert recording.next(before.at, 1) == each
    assert recording.next(frames[-1].at, 1) is None
    assert recording.at(at(-500)) == frames[0]
    assert recording.before(at(100), 3) == [frame(s, s * 3) for s in (84, 91, 98)]
    recording.close()


def test_gaps_of_hours_are_stepped_over(path: Path) -> None:
    recording = Recording(path)
    morning, evening = frame(0, 1), frame(9 * 3600, 2)
    recording.add(morning)
    recording.add(evening)

    assert recording.next(morning.at, 1) == evening
    assert recording.next(evening.at, -1) == morning
    assert recording.at(at(3600)) == morning
    recording.close()


def test_the_highest_value_of_each_minute_is_kept(path: Path) -> None:
    recording = Recording(path)
    for s in range(180):
        recording.add(frame(s, 100 - abs(90 - s)))
    recording.close()

    found = dict(Recording(path, create=False).peaks(at(179), 60))

    first = int(AT.timestamp() // 60)
    assert found == {first: {READY: 69.0}, first + 1: {READY: 100.0}, first + 2: {READY: 70.0}}


def test_grave_events_are_marks_at_once(path: Path) -> None:
    recording, other = Recording(path), None
    recording.add(frame(1, 0, Event(at(1), "worker", "a/1 has come")))
    recording.add(frame(2, 0, Event(at(2), "alert", "queue_backlog fires", grave=True)))

    other = Recording(path, create=False)  # another program, while the first one still writes
    assert other.marks() == (Mark(at(2), "queue_backlog fires"),)
    assert other.marks(after=at(2)) == other.marks(before=at(2)) == ()
    assert other.at(at(5)) == frame(2, 0, Event(at(2), "alert", "queue_backlog fires", grave=True))
    recording.close()


def test_what_is_older_than_the_hours_is_forgotten_with_its_marks(path: Path) -> None:
    recording = Recording(path, hours=1)
    recording.add(frame(0, 1, Event(at(0), "alert", "old", grave=True)))
    recording.add(frame(1800, 2))
    recording.add(frame(3600 + 60, 3))

    assert recording.span == (at(1800), at(3660))
    assert recording.marks() == ()
    recording.close()


def test_it_never_takes_more_room_than_it_may(path: Path) -> None:
    chance = random.Random(7)
    recording = Recording(path, bytes_=400_000)
    noise: list[tuple[str, Labels]] = [(f"lomi_number_{number}", ()) for number in range(200)]
    for minute in range(300):
        values = {key: chance.random() for key in noise}
        recording.add(Frame(Measured(at(60 * minute), values)))
    span = recording.span
    recording.close()

    assert span is not None
    assert span[1] == at(60 * 299)
    assert at(60 * 20) < span[0] < at(60 * 290)
    assert path.stat().st_size < 600_000, "freed pages are used again"


def test_a_second_one_reads_what_the_first_one_keeps_and_writes_nothing(path: Path) -> None:
    first, second = Recording(path), Recording(path)
    first.add(frame(0, 1))
    second.add(frame(1, 99))
    first.add(frame(10, 2))

    assert (first.writes, second.writes) == (True, False)
    assert second.at(at(60)) == frame(10, 2)
    first.close()
    second.close()
    third = Recording(path)
    assert third.writes, "whoever has ended is out of the way"
    assert third.span == (at(0), at(10))
    third.close()


def test_only_its_owner_may_read_it(path: Path) -> None:
    Recording(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


KILLED = """
    import os, signal, sys
    from datetime import timedelta
    from pathlib import Path
    from lomi_ops.ops.live.recording import Recording
    from tests.integration.live.test_recording import frame

    recording = Recording(Path(sys.argv[1]))
    for s in range(95):
        recording.add(frame(s, s))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_that_is_killed_loses_a_few_seconds_and_the_next_one_goes_on(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), path], check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == -9

    recording = Recording(path)
    span = recording.span
    assert span is not None
    assert at(84) <= span[1] <= at(94)
    recording.add(frame(96, 96))
    assert recording.next(at(96), -1) == frame((span[1] - AT).total_seconds(), (span[1] - AT).total_seconds())
    recording.close()
    assert Recording(path, create=False).at(at(200)) == frame(96, 96)


def test_damage_and_absence_are_told_with_what_to_do(path: Path) -> None:
    with pytest.raises(NotFound, match="there is no recording") as absent:
        Recording(path, create=False)
    assert "lomi top" in absent.value.hint
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LomiError, match="not a database") as damaged:
        Recording(path)
    assert damaged.value.hint.startswith(f"rm {path}")


def test_a_line_of_a_later_program_is_told(path: Path) -> None:
    recording = Recording(path)
    recording.add(frame(0))
    recording.close()
    import sqlite3
    import zlib

    with sqlite3.connect(path) as db:
        later = packed([frame(0)]).replace('"v":1', '"v":9')
        db.execute("UPDATE minutes SET frames = ?", (zlib.compress(later.encode()),))
    with pytest.raises(LomiError, match="frames of format 9"):
        Recording(path, create=False).at(at(0))
