"""What a part does when its program ends, with programs of one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.errors import StackError
from lomi_ops.ops.local import logs, process
from lomi_ops.ops.local.part import FAILED_AFTER, LONGEST_PAUSE_S, STABLE_S, Part, pause_s, state_after_end
from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.record import PartRecord, PartState
from lomi_ops.ops.local.state import StackState
from tests.integration.stack.conftest import until

STATE = StackState(1, 2, "a", "b", 1, None, "", "")
FOREVER = "import signal; print('ready', flush=True); signal.pause()"


@dataclass
class Program:
    """A service of one line of Python that is ready when its log says so."""

    log: Path
    line: str
    name: str = "program"
    endings: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def spawn(self, state: StackState) -> subprocess.Popen[bytes]:
        with logs.opened(self.log) as log:
            child = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", self.line], stdout=log, stderr=log, start_new_session=True
            )
        self.children.append(child)
        return child

    def answers(self, state: StackState, written: str, age_s: float) -> bool:
        return "ready" in written

    def survivor(self) -> ProcessId | None:
        return None


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    one = Program(tmp_path / "program.log", FOREVER)
    yield one
    for child in one.children:
        child.kill()
        child.wait()


def watched(part: Part, state: PartState, now: float = 1.0) -> None:
    def there() -> bool:
        part.watch(STATE, now)
        return part.state is state

    until(there, f"{part.name} is {state}")


def test_a_part_is_running_once_it_answers(program: Program) -> None:
    part = Part(program)
    assert part.record().state is PartState.STARTING
    part.start(STATE, 1.0)
    assert part.state is PartState.STARTING
    watched(part, PartState.RUNNING)
    assert part.process == process.identify(program.children[0].pid)


def test_a_first_end_is_followed_by_a_start_at_once_and_more_by_pauses(program: Program) -> None:
    program.line = "import sys; print('error: no luck'); print('bye'); sys.exit(3)"
    part = Part(program)
    pauses = []
    for _ in range(FAILED_AFTER):
        part.start(STATE, 5.0)
        program.children[-1].wait()
        part.watch(STATE, 5.0)
        pauses.append(round(part.not_before - 5.0, 3))
    assert pauses == [0.0, 0.2, 0.4, 0.8]
    assert part.state is PartState.FAILED
    assert part.error == "ended with exit code 3: error: no luck"
    assert part.restarts == FAILED_AFTER - 1
    part.hurry()
    assert (part.state, part.not_before, part.failures) == (PartState.RESTARTING, 0.0, 0)


def test_an_end_after_a_stable_life_counts_as_a_first_one(program: Program) -> None:
    part = Part(program, failures=3, error="old")
    part.start(STATE, 1.0)
    watched(part, PartState.RUNNING)
    part.watch(STATE, 1.0 + STABLE_S)
    assert (part.failures, part.error) == (0, "")
    program.children[0].kill()
    watched(part, PartState.RESTARTING, now=2.0 + STABLE_S)
    assert part.failures == 1
    assert part.error == "killed by SIGKILL"


def test_what_cannot_even_be_started_counts_as_an_end(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Program, state: StackState) -> subprocess.Popen[bytes]:
        raise StackError("the program is gone")

    monkeypatch.setattr(Program, "spawn", refuse)
    part = Part(program)
    part.start(STATE, 1.0)
    assert (part.state, part.error, part.process) == (PartState.RESTARTING, "the program is gone", None)


def test_an_ending_goes_on_to_the_next_signal_when_its_time_is_over(program: Program) -> None:
    program.line = (
        "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True)\nwhile 1: signal.pause()"
    )
    part = Part(program)
    part.start(STATE, 1.0)
    watched(part, PartState.RUNNING)
    part.stop(1.0)
    part.watch(STATE, 1.0 + 4.9)
    assert part.record().state is PartState.STOPPING
    assert process.alive(part.process)
    watched(part, PartState.STOPPED, now=1.0 + 5.0)
    assert program.children[0].wait() == -signal.SIGKILL
    part.stop(9.0)
    part.watch(STATE, 9.0)
    assert part.record().state is PartState.STOPPED


def test_stopping_what_does_not_live_is_done_at_once(program: Program) -> None:
    part = Part(program)
    part.stop(1.0)
    assert part.state is PartState.STOPPED


def test_an_adopted_part_keeps_its_record_and_its_end_is_noticed(program: Program) -> None:
    child = program.spawn(STATE)
    found = process.identify(child.pid)
    assert found is not None
    program.log.write_text("error: of another life\n")
    part = Part(program)
    part.adopt(found, PartRecord("program", PartState.RUNNING, found, 123.0, 4, "before"), 1.0)
    assert (part.state, part.since, part.error) == (PartState.RUNNING, 123.0, "before")
    child.kill()
    child.wait()
    watched(part, PartState.RESTARTING)
    assert part.error == "ended"


def test_an_adopted_part_that_was_draining_goes_on_draining(program: Program) -> None:
    child = program.spawn(STATE)
    found = process.identify(child.pid)
    assert found is not None
    part = Part(program)
    part.adopt(found, PartRecord("program", PartState.STOPPING, found, 1.0), 1.0)
    part.watch(STATE, 5.9)
    assert process.alive(found)
    watched(part, PartState.STOPPED, now=6.0)


@given(st.integers(0, 10_000))
def test_pauses_grow_and_have_a_limit(failures: int) -> None:
    assert 0.0 <= pause_s(failures) <= pause_s(failures + 1) <= LONGEST_PAUSE_S
    assert (state_after_end(failures) is PartState.FAILED) == (failures >= FAILED_AFTER)


def test_an_identity_is_not_the_number() -> None:
    me = process.identify(os.getpid())
    assert me is not None
    assert process.alive(me)
    recycled = ProcessId(me.pid, me.started - 1, me.boot)
    assert not process.alive(recycled)
    assert not process.send(recycled, signal.SIGTERM)
    assert not process.send(ProcessId(2**22 + 1, 1, me.boot), signal.SIGTERM)
    assert not process.alive(None)


def test_a_zombie_is_not_alive_but_its_number_is_taken() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    until(lambda: process.identify(child.pid) is None, "it has ended")
    assert process.taken(child.pid)
    child.wait()
    assert not process.taken(child.pid)


def test_signals_reach_exactly_one_process_also_without_pidfds(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(pid: int, flags: int = 0) -> int:
        raise OSError(38, "not implemented")

    monkeypatch.setattr(os, "pidfd_open", missing)
    child = program.spawn(STATE)
    found = process.identify(child.pid)
    assert found is not None
    assert process.send(found, signal.SIGKILL)
    child.wait()
    assert process.wait_gone(found, 5)
    assert not process.send(found, signal.SIGKILL)


def test_waiting_for_a_process_that_stays_ends_in_time() -> None:
    me = process.identify(os.getpid())
    assert me is not None
    assert not process.wait_gone(me, 0.05)


def test_forked_children_of_a_worker_are_not_taken_for_workers(program: Program) -> None:
    program.line = "import os, signal; os.fork(); print('ready', flush=True); signal.pause()"
    child = program.spawn(STATE)
    until(lambda: logs.since(program.log, 0).count("ready") == 2, "both run")
    command = (sys.executable, "-S", "-E", "-c", program.line)
    assert process.leaders(command) == (process.identify(child.pid),)
    os.killpg(child.pid, signal.SIGKILL)


def test_a_log_is_rotated_under_its_writer_and_keeps_so_many(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    with logs.opened(path) as log:
        assert not logs.rotate(path, max_bytes=10)
        for number in range(6):
            log.write(b"%d" % number * 20)
            assert logs.rotate(path, max_bytes=10, keep=3)
        log.write(b"end")
    assert path.read_bytes() == b"end"
    kept = {entry.name: entry.read_bytes()[:1] for entry in tmp_path.iterdir() if entry != path}
    assert kept == {"part.log.1": b"5", "part.log.2": b"4", "part.log.3": b"3"}
    assert path.with_name("part.log.1").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("error: no model\n  try: lomi models add\n", "error: no model"),
        (
            "LOG: x\nFATAL:  could not open\nHINT: y\nFATAL:  the database system is starting up",
            "FATAL:  could not open",
        ),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_the_reason_of_an_end_is_the_line_that_names_an_error(text: str, expected: str) -> None:
    assert logs.reason(text) == expected


@given(st.text(max_size=400))
def test_a_reason_is_always_one_short_line(text: str) -> None:
    found = logs.reason(text)
    assert len(found) <= 300
    assert len(found.splitlines()) <= 1


def test_only_the_end_of_what_was_written_since_is_read(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    assert logs.since(path, 5) == ""
    path.write_text("before|after")
    assert logs.since(path, 7) == "after"
    assert logs.since(path, 500) == "before|after"  # it was rotated in between
    path.write_bytes(b"a" * 100_000 + b"\xff")
    assert logs.since(path, 0).endswith("a�")
    assert len(logs.since(path, 0)) == 16_384


def test_uptime_never_needs_the_wall_clock_to_go_forward(program: Program) -> None:
    part = Part(program)
    before = time.time()
    part.start(STATE, 1.0)
    assert before <= part.since <= time.time()
