"""Logs read to their end, then on: nothing twice, nothing missed, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.clients.containers.lines import LogLine
from lomi_ops.domain.log_line import Level, Wanted
from lomi_ops.errors import DockerUnavailable
from lomi_ops.ops.workers.logs import Tap, merged
from lomi_ops.ops.workers.sources import FileLog
from tests.unit.containers import NOW


@dataclass
class Log:
    """A log that gives out what it has, from a moment on, as an engine does."""

    name: str
    lines: list[LogLine] = field(default_factory=list)
    breaks_after: int | None = None
    number: int = 1
    up: bool = True

    @property
    def key(self) -> str:
        return self.name

    @property
    def short(self) -> str:
        return self.name

    def read(self, tail: int | None, since: datetime | None) -> Iterator[LogLine]:
        found = [line for line in self.lines if since is None or (line.at and line.at >= since)]
        for number, line in enumerate(found if tail is None else found[-tail:]):
            if number == self.breaks_after:
                raise DockerUnavailable("gone")
            yield line

    def follow(self, since: datetime | None) -> Iterator[LogLine]:
        return self.read(None, since)

    def again(self) -> Log:
        return self

    def ended(self) -> str:
        return ""


def log(name: str, *at: int, text: str = "INFO line") -> Log:
    return Log(name, [LogLine(NOW + timedelta(seconds=second), f"{text} {n}") for n, second in enumerate(at)])


def texts(lines: Iterator[object]) -> list[str]:
    return [f"{said.source}:{said.text[-1]}" for said in lines]  # type: ignore[attr-defined]


def test_several_logs_are_one_by_time() -> None:
    taps = [Tap(log("a", 1, 4, 5), Wanted()), Tap(log("b", 2, 3, 6), Wanted())]

    assert texts(merged(taps, None)) == ["a:0", "b:0", "b:1", "a:1", "a:2", "b:2"]


def test_the_last_ones_are_the_last_of_those_that_are_wanted() -> None:
    mixed = log("a", 1, 2, 3, 4)
    mixed.lines[1], mixed.lines[2] = (LogLine(line.at, f"ERROR {n}") for n, line in enumerate(mixed.lines[1:3]))

    assert texts(Tap(mixed, Wanted(Level.ERROR)).read(1)) == ["a:1"]
    assert texts(Tap(mixed, Wanted()).read(2)) == ["a:1", "a:3"]
    assert texts(Tap(mixed, Wanted()).read(0)) == []


def test_a_log_that_breaks_off_shows_what_it_had_and_keeps_why() -> None:
    broken = log("a", 1, 2, 3)
    broken.breaks_after = 2
    for tail in (None, 1):
        tap = Tap(broken, Wanted(Level.INFO))
        assert texts(tap.read(tail)) == ["a:0", "a:1"][-(tail or 2) :]
        assert tap.failure is not None


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 2), max_size=6))
def test_whoever_goes_on_hears_each_line_once(gaps: list[int], batches: list[int]) -> None:
    """Lines may share a moment; between two looks more are written."""
    second, times = 0, []
    for gap in gaps:
        second += gap
        times.append(second)
    whole, seen = log("a", *times), 0
    growing = Log("a", [])
    tap = Tap(growing, Wanted())
    heard = texts(tap.read(None))
    for batch in [*batches, len(times)]:
        seen = min(len(times), seen + batch)
        growing.lines = whole.lines[:seen]
        heard += texts(tap.follow())
        heard += texts(tap.follow())

    assert heard == [f"a:{line.text[-1]}" for line in whole.lines]


def test_a_file_of_a_local_stack_is_read_through_its_generations(tmp_path: Path) -> None:
    path = tmp_path / "worker-2.log"
    path.with_name("worker-2.log.1").write_text('{"ts":"2026-11-26T11:00:00.000+00:00","msg":"first"}\nplain\n')
    path.write_text('{"ts":"2026-11-26T11:30:00.000+00:00","msg":"second"}\n')
    found = FileLog(path, 2)

    lines = list(found.read(None, None))

    assert [line.text[-8:] for line in lines] == ['"first"}', "plain", 'second"}']
    assert lines[1].at == lines[0].at, "a line without a time is as old as the one before it"
    assert [line.text for line in found.read(None, NOW - timedelta(minutes=45))] == [lines[2].text]
    assert [line.text for line in found.read(1, None)] == [lines[2].text]


def test_a_file_is_followed_through_being_cut(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.log"
    path.write_text("one\ntw")

    def write(_: float) -> None:
        steps.pop(0)()

    steps = [lambda: path.write_text("one\ntwo\n"), lambda: path.write_text(""), lambda: path.write_text("three\n")]
    lines = FileLog(path, 1, sleep=write).follow(None)

    assert [next(lines).text for _ in range(3)] == ["one", "two", "three"]
