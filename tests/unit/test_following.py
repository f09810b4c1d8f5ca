"""Following logs: files of a local stack that come and go, and a log that breaks off again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from lomi_ops.clients.containers.lines import LogLine
from lomi_ops.domain.log_line import Level, Said, Wanted
from lomi_ops.errors import DockerUnavailable
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.workers import find, follow
from lomi_ops.ops.workers.find import Found
from lomi_ops.ops.workers.follow import Follower, Heard
from lomi_ops.ops.workers.logs import Tap
from lomi_ops.ops.workers.sources import Source
from tests.unit.test_log_taps import Log, log


def until(batches: Iterator[list[Heard]], words: str) -> list[str]:
    """What was heard until somebody said so."""
    found: list[str] = []
    for batch in batches:
        found += [each.text for each in batch]
        if words in found:
            return found
    raise AssertionError(found)


def test_files_that_are_written_come_and_go_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "LOOK_S", 0.05)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "worker-1.log").write_text("one\n")
    where = Found(None, "", (), Layout(tmp_path))
    taps = [where.tap(source, Wanted(), None) for source in where.sources()]
    assert [said.text for said in taps[0].read(None)] == ["one"]

    with closing(Follower(taps, where.sources, where.happenings, lambda source: Tap(source, Wanted()))) as follower:
        batches = follower.heard()
        with (logs / "worker-1.log").open("a") as file:
            file.write("two\n")
        assert "two" in until(batches, "two")
        (logs / "worker-2.log").write_text("three\n")
        assert "worker-2 has joined" in until(batches, "three")
        (logs / "worker-2.log").unlink()
        until(batches, "worker-2 has ended: it was removed")
        (logs / "worker-1.log").unlink()
        until(batches, "worker-1 has ended: it was removed")


class Broken(Log):
    """Its log can never be read."""

    def follow(self, since: datetime | None) -> Iterator[LogLine]:
        raise DockerUnavailable("the logging driver keeps nothing")

    def again(self) -> Broken:
        return self


def never() -> Iterator[None]:
    time.sleep(60)
    yield None


def followed(sources: list[Source], happenings: Callable[[], Iterator[None]] = never) -> Follower:
    taps = [Tap(source, Wanted()) for source in sources]
    return Follower(taps, lambda: sources, happenings, lambda source: Tap(source, Wanted()))


def test_a_log_that_cannot_be_read_is_told_once_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_S", 0.01)
    fine = log("b", 1, 2)

    with closing(followed([Broken("a"), fine])) as follower:
        batches = follower.heard()
        heard = until(batches, "a: the logging driver keeps nothing")
        fine.up = False

    assert heard.count("a: the logging driver keeps nothing") == 1


def test_an_engine_that_is_away_is_told_once_and_its_return_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_S", 0.01)
    answers: list[object] = [DockerUnavailable("gone"), DockerUnavailable("gone"), []]

    def find_them() -> list[Source]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, DockerUnavailable):
            raise answer
        return []

    with closing(Follower([], find_them, never, lambda source: Tap(source, Wanted()))) as follower:
        heard = until(follower.heard(), "the Docker Engine answers again")

    assert heard == ["gone; waiting for it", "the Docker Engine answers again"]


def test_lines_that_come_together_are_put_in_order_and_notes_stay_where_they_are() -> None:
    early, late = (Said("a", line.at, Level.INFO, line.text) for line in log("a", 1, 2).lines)
    note = follow.Note("b has joined")

    assert follow._ordered([late, early, note, late, early]) == [early, late, note, early, late]
