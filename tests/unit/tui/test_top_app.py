"""The live view driven by keys and mouse, on frames that a test makes."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lomi_ops.domain.frame import AlertLine, Event, Frame, WorkerLine
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.errors import LomiError, UsageError
from lomi_ops.ops.live.recording import Recording
from lomi_ops.tui.text import Text
from lomi_ops.tui.top.app import TopApp
from lomi_ops.tui.top.board import Board
from lomi_ops.tui.top.options import Options
from lomi_ops.tui.top.screens import Confirm
from lomi_ops.tui.top.sheet import Cell, Column, Row, Sheet
from lomi_ops.tui.top.stage import Mode, Stage

READY = ("lomi_queue_jobs", (("state", "ready"),))
JOBS = Sheet("Jobs", (Column("job"), Column("tries", right=True)), tuple(
    Row(name, (Cell(name), Cell(str(tries), order=tries)), {"job": name}, f"lomi queue show {name}")
    for name, tries in (("j-b", 2), ("j-a", 10), ("j-c", 1))
))  # fmt: skip


def frame(s: float, ready: float, *events: Event, silent: dict[Source, str] | None = None) -> Frame:
    at = datetime(2026, 11, 20, 14, 5, tzinfo=UTC) + timedelta(seconds=s)
    values = {} if silent else {READY: ready, ("lomi_queue_paused", ()): 0.0}
    workers = tuple(
        WorkerLine(f"web/{n}", "running", 0.1, 2, (), n, 0, ("320n",), "default@1", "0.1.0") for n in range(30)
    )
    alerts = (
        AlertLine("queue_backlog", "firing" if ready > 50 else "ok", "warning", at, ready, f"{ready:g} wait", "lomi x"),
    )
    return Frame(Measured(at, values, silent or {}), workers, alerts, events)


class Made:
    """Frames and answers that a test gives."""

    def __init__(self) -> None:
        self.next: Frame | LomiError = frame(0, 7)
        self.looks, self.asked, self.ran = 0, list[str](), list[Sequence[str]]()
        self.answer: str | LomiError = "done"

    def tick(self, patience_s: float) -> Frame:
        self.looks += 1
        if isinstance(self.next, LomiError):
            raise self.next
        return self.next

    def jobs(self, wanted: str) -> Sheet:
        self.asked.append(wanted)
        if wanted == "state:odd":
            raise UsageError("there is no state odd")
        return JOBS

    def run(self, words: Sequence[str]) -> str:
        self.ran.append(words)
        if isinstance(self.answer, LomiError):
            raise self.answer
        return self.answer


class Session:
    def __init__(self, app: TopApp, pilot: Pilot[None], made: Made) -> None:
        self.app, self.pilot, self.made = app, pilot, made

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self.pilot.press(*("space" if sign == " " else sign for sign in text), "enter")

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.text("banner") + self.text("notice")
            await self.pilot.pause(0.01)

    async def look(self, seen: Frame) -> None:
        """One look more."""
        self.made.next = seen
        await self.press("space")
        await self.until(lambda: self.app._stage._live == seen)

    def text(self, name: str) -> str:
        return str(self.app.query_one(f"#{name}", Text).content)

    @property
    def question(self) -> str:
        top = self.app.screen
        return str(top.query_one(Text).content) if isinstance(top, Confirm) else ""

    def board(self, place: int) -> Board:
        return self.app.query_one(f"#board{place}", Board)

    @property
    def shown(self) -> list[int]:
        return [
            board.place for board in self.app.query(Board) if board.display and board.parent and board.parent.display
        ]

    def keys(self, place: int) -> list[str]:
        return [row.key for row in self.board(place).rows]


def run(
    play: Callable[[Session], Awaitable[None]], size: tuple[int, int] = (120, 40), recording: Recording | None = None,
    **options: object,
) -> Made:  # fmt: skip
    """A look only where a test wants one: the interval is a minute."""
    made = Made()

    async def session() -> None:
        app = TopApp(made, Stage(recording), Options(**{"every_s": 60.0} | options))  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            found = Session(app, pilot, made)
            await found.until(lambda: "LIVE" in found.text("banner"))
            await play(found)

    asyncio.run(session())
    return made


@pytest.mark.parametrize(("size", "shown"), [((80, 24), [0, 5, 1]), ((120, 40), [0, 2, 3, 5, 1, 4, 6])])
def test_all_panels_that_there_is_room_for_stand_on_the_screen_and_each_alone(
    size: tuple[int, int], shown: list[int]
) -> None:
    async def play(session: Session) -> None:
        assert session.shown == shown
        for place in range(8):
            await session.press(str(place + 1))
            assert session.shown == [place]
        await session.press("0")
        assert session.shown == shown
        await session.press("tab", "enter")
        assert session.shown == [shown[1]]
        await session.press("enter")
        assert session.shown == shown

    run(play, size)


def test_the_cursor_keeps_to_its_row_while_rows_change_and_any_column_sorts() -> None:
    async def play(session: Session) -> None:
        await session.press("8")
        await session.until(lambda: session.keys(7) == ["j-b", "j-a", "j-c"])
        await session.press("down")
        await session.press("s")
        assert session.keys(7) == ["j-a", "j-b", "j-c"]
        assert session.board(7).current is not None
        assert session.board(7).current.key == "j-a"  # type: ignore[union-attr]
        await session.press("s", "r")
        assert session.keys(7) == ["j-a", "j-b", "j-c"], "by tries, the highest first"
        await session.press("y")
        assert json.loads(session.app.clipboard) == {"job": "j-a"}
        await session.press("Y")
        assert session.app.clipboard == "lomi queue show j-a"

    run(play)


def test_what_others_say_is_shown_and_never_obeyed() -> None:
    async def play(session: Session) -> None:
        session.made.next = LomiError("it said\x1b[2J\nand \u202e")
        await session.press("space")
        await session.until(lambda: session.text("notice"))
        assert session.text("notice") == "it said\\x1b[2J\nand \\u202e"

    run(play)


def test_the_mouse_opens_sorts_chooses_and_scrolls() -> None:
    async def play(session: Session) -> None:
        await session.pilot.click("#board1", offset=(5, 0))
        assert session.shown == [1]
        await session.pilot.click("#board1", offset=(2, 1))
        assert session.board(1).order.column == 0
        await session.pilot.click("#board1", offset=(2, 1))
        assert session.board(1).order.down
        await session.press("home")
        await session.pilot.click("#board1", offset=(2, 5))
        assert session.board(1).current is session.board(1).rows[3]
        await session.press("end")
        assert session.board(1).current is session.board(1).rows[-1]
        await session.press("pageup", "home", "k", "j")
        assert session.board(1).current is session.board(1).rows[1]

    run(play, (80, 24))


def test_a_filter_is_of_words_and_of_jobs_that_of_the_queue() -> None:
    async def play(session: Session) -> None:
        await session.press("2", "slash")
        await session.type("web/7")
        assert session.keys(1) == ["web/7"]
        await session.press("slash", "escape")
        assert session.keys(1) == ["web/7"], "escape leaves it as it was"
        await session.press("8", "slash")
        await session.type("state:dead")
        await session.until(lambda: session.made.asked[-1:] == ["state:dead"])
        await session.press("slash")
        for _ in range(10):
            await session.press("backspace")
        await session.type("state:odd")
        await session.until(lambda: session.board(7).sheet.note == "there is no state odd")
        assert session.keys(7) == ["j-b", "j-a", "j-c"], "the last list stays"

    run(play)


def test_jobs_are_read_only_while_they_are_on_the_screen() -> None:
    async def play(session: Session) -> None:
        await session.look(frame(1, 8))
        assert session.made.asked == []
        await session.press("8")
        await session.until(lambda: session.made.asked == [""])

    run(play)


def test_a_pause_asks_nobody_and_space_looks_once() -> None:
    async def play(session: Session) -> None:
        await session.press("p")
        assert "PAUSED" in session.text("banner")
        looks = session.made.looks
        session.app._tick()
        await session.pilot.pause(0.1)
        assert session.made.looks == looks
        await session.look(frame(1, 9))
        assert session.board(0).rows[0].cells[1].text == "9"
        await session.press("p")
        assert "LIVE" in session.text("banner")

    run(play)


def test_a_silent_source_leaves_its_last_numbers_and_what_breaks_is_said() -> None:
    async def play(session: Session) -> None:
        await session.look(frame(1, 0, silent={Source.REDIS: "timeout"}))
        assert "1 silent" in session.text("banner")
        assert session.board(0).sheet.note == "stale, timeout"
        assert session.board(0).rows[0].cells[1].text == "7"
        session.made.next = LomiError("no room for another thread")
        await session.press("space")
        await session.until(lambda: "no room" in session.text("notice"))

    run(play)


def test_time_is_gone_back_in_by_looks_alerts_and_the_clock(tmp_path: Path) -> None:
    async def play(session: Session) -> None:
        stage = session.app._stage
        grave = Event(frame(2, 0).at, "alert", "queue_backlog fires: 90 wait", grave=True)
        for seen in (frame(1, 8), frame(2, 90, grave), frame(3, 9)):
            await session.look(seen)
        assert [row.cells[2].text for row in session.board(6).rows] == ["queue_backlog fires: 90 wait"]
        await session.press("left_square_bracket")
        assert (stage.mode, session.board(0).rows[0].cells[1].text) == (Mode.PAST, "90")
        assert "1 firing" in session.text("banner")
        await session.look(frame(4, 10))
        assert session.board(0).rows[0].cells[1].text == "90", "the present goes on behind it"
        await session.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert "first look" in session.text("notice")
        await session.press("right_curly_bracket")
        assert stage.frame == frame(2, 90, grave)
        assert "queue_backlog fires" in session.text("notice")
        await session.press("right_curly_bracket")
        assert "no alert is recorded after this" in session.text("notice")
        await session.press("p")
        assert stage.mode is Mode.PLAYED
        session.app._tick()
        assert stage.frame == frame(3, 9)
        await session.press("g")
        await session.type("2026-11-20 14:05:01")
        assert stage.frame == frame(1, 8)
        await session.press("g")
        await session.type("noon")
        assert "'noon' is no time" in session.text("notice")
        await session.press("l")
        assert (stage.mode, stage.frame) == (Mode.LIVE, frame(4, 10))

    run(play, recording=Recording(tmp_path / "top.db"))


def test_a_full_disk_ends_the_recording_and_not_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(tmp_path / "top.db")

    def full(_: Frame) -> None:
        raise LomiError("the recording: database or disk is full")

    monkeypatch.setattr(recording, "add", full)

    async def play(session: Session) -> None:
        await session.look(frame(1, 8))
        assert "no longer recorded: the recording: database or disk is full" in session.text("notice")
        assert session.board(0).rows[0].cells[1].text == "8"

    run(play, recording=recording)


def test_a_recording_that_cannot_be_read_is_said_and_the_view_goes_on(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "top.db")

    async def play(session: Session) -> None:
        await session.look(frame(1, 8))
        recording._run = broken  # type: ignore[method-assign]
        await session.press("left_square_bracket")
        assert session.text("notice") == "the recording: malformed"
        await session.press("g")
        await session.type("14:05")
        assert session.text("notice") == "the recording: malformed"
        assert "LIVE" in session.text("banner")

    def broken(*_: object, **__: object) -> list[object]:
        raise LomiError("the recording: malformed")

    run(play, recording=recording)


def test_a_change_is_shown_as_a_command_and_made_by_enter_alone() -> None:
    async def play(session: Session) -> None:
        await session.press("P")
        assert session.question == "lomi queue pause --reason 'lomi top'\nEnter runs this on prod, Escape does not"
        await session.press("8", "P", "space")
        assert session.question, "no other key runs it, or does anything else"
        await session.press("escape", "enter")
        assert (session.question, session.made.ran) == ("", [])
        await session.press("P", "enter")
        await session.until(lambda: session.made.ran)
        await session.until(lambda: session.text("notice") == "done")
        session.made.answer = LomiError("another one changes the workers")
        await session.press("S")
        await session.type("4")
        await session.press("enter")
        await session.until(lambda: "another one changes" in session.text("notice"))

    made = run(play, write=True, name="prod", colour="red")
    assert made.ran == [("queue", "pause", "--reason", "lomi top"), ("scale", "4", "--reason", "lomi top")]


def test_the_past_cannot_be_changed_and_without_write_nothing_can(tmp_path: Path) -> None:
    async def only_looks(session: Session) -> None:
        for key in "PRQS":
            await session.press(key)
            assert "lomi top --write" in session.text("notice")
        await session.press("question_mark")
        assert len(session.app.screen_stack) == 2
        await session.press("x")
        assert len(session.app.screen_stack) == 1

    async def past(session: Session) -> None:
        await session.look(frame(1, 8))
        await session.press("left_square_bracket", "P")
        assert "this is the past" in session.text("notice")

    assert run(only_looks).ran == []
    assert run(past, write=True, recording=Recording(tmp_path / "top.db")).ran == []


def test_pythons_collector_never_looks_through_what_a_start_has_made(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    monkeypatch.setattr(gc, "enable", lambda: done.append("enable"))

    async def play(session: Session) -> None:
        await session.look(frame(1, 8))
        await session.look(frame(2, 9))
        assert done == ["freeze", "enable"], "once, after the first look"

    run(play)


def test_a_window_that_becomes_wider_or_lower_is_laid_out_for_what_it_is_now() -> None:
    async def play(session: Session) -> None:
        wide, narrow = [0, 2, 3, 5, 1, 4, 6], [0, 5, 1]
        for size, shown, strip in (
            ((120, 40), wide, True), ((119, 19), narrow, False), ((200, 60), wide, True), ((80, 24), narrow, True),
        ):  # fmt: skip
            await session.pilot.resize_terminal(*size)
            await session.pilot.pause()
            assert (session.shown, session.app.query_one("#strip").display) == (shown, strip)
            assert session.text("banner").endswith(" all well ")
            assert len(session.text("banner")) == size[0]

    run(play, (80, 24))


def test_a_copy_of_no_row_says_so() -> None:
    async def play(session: Session) -> None:
        await session.press("7", "y")
        assert session.text("notice") == "there is no row to copy"

    run(play)


def test_the_pace_is_changed_within_bounds() -> None:
    async def play(session: Session) -> None:
        await session.press("+")
        assert "every 60 s" in session.text("notice")
        for _ in range(9):
            await session.press("-")
        assert "every 0.5 s" in session.text("notice")

    run(play)
