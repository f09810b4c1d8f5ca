"""`lomi top`: the cluster on one screen, second by second."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from lomi_ops.domain.frame import Frame
from lomi_ops.domain.shown import shown
from lomi_ops.errors import LomiError
from lomi_ops.tui import garbage
from lomi_ops.tui.text import Text
from lomi_ops.tui.top import acting, head
from lomi_ops.tui.top.beside import Beside
from lomi_ops.tui.top.board import Board
from lomi_ops.tui.top.keys import KEYS
from lomi_ops.tui.top.options import FASTEST_S, SLOWEST_S, Options
from lomi_ops.tui.top.panels import PANELS, TITLES
from lomi_ops.tui.top.screens import Confirm, Help
from lomi_ops.tui.top.sheet import Order, Sheet
from lomi_ops.tui.top.stage import Mode, Stage
from lomi_ops.tui.top.times import moment

if TYPE_CHECKING:
    from lomi_ops.tui.top.source import Source

JOBS = TITLES.index("Jobs")
LEAST = (60, 16)
"""Columns and lines below which the view says what it needs."""
WIDE = 120
_SAID_S = 10.0
JOBS_S = 5.0
"""Between two looks at the list of jobs, and only while it is on the screen."""
_SIDES = {"left": (0, 2, 3, JOBS), "right": (5, 1, 4, 6)}
"""Where the panels stand beside each other; else one side stands below the other."""
_NARROW_ALL = frozenset({0, 5, 1})
_WIDE_ALL = frozenset({0, 1, 2, 3, 4, 5, 6})
"""Panels of the whole."""


class TopApp(App[None]):
    """Shows what `Stage` stands at."""

    TITLE = "lomi top"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = ""
    CSS = """
    Screen { layers: base; }
    #banner, #tabs, #keys { height: 1; }
    #strip { height: 4; }
    #boards { height: 1fr; layout: vertical; }
    #left, #right { height: 1fr; layout: vertical; }
    #boards.-wide { layout: horizontal; }
    .-wide #left { margin-right: 2; }
    #board0 { height: 2fr; }
    #line { display: none; height: 3; }
    #notice { height: auto; max-height: 6; display: none; }
    #small { display: none; }
    .-cramped #main { display: none; }
    .-cramped #small { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.key, key.action, key.does, show=False) for key in KEYS),
        Binding("escape", "escape", show=False),
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]

    class Ready(Message):
        """Something from beside the event loop."""

        def __init__(self, act: Callable[[], None]) -> None:
            super().__init__()
            self.act = act

    def __init__(self, source: Source | None, stage: Stage, options: Options) -> None:
        """`source` None: only the past."""
        super().__init__()
        self._source, self._stage, self._options = source, stage, options
        self._every_s = options.every_s
        self._beside = Beside(self._post)
        self._looking, self._listing, self._settled = False, False, False
        self._jobs: Sheet | None = None
        self._wanted = ""
        self._listed_at = float("-inf")
        self._open, self._last = -1, 0
        self._asking = ""
        self._columns, self._lines = LEAST
        """Of the terminal: what Textual calls its size is the one before, while it tells of a new one."""
        self._fading: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Text("small")
        with Container(id="main"):
            yield Text("banner")
            yield Text("tabs")
            yield Text("strip")
            with Container(id="boards"):
                for side, places in _SIDES.items():
                    with Container(id=side):
                        for place in places:
                            yield Board(place, plain=self._options.plain)
            yield Text("notice")
            yield Input(id="line")
            yield Text("keys")

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        self._columns, self._lines = self.size
        self._stage.remember(datetime.now(UTC))
        if self._options.replay:
            self._say(self._stage.jump(datetime.now(UTC)))
        self._timer = self.set_interval(self._every_s, self._tick)
        self._lay_out()
        self._tick()
        if self._source is None:
            self._settle()

    def _settle(self) -> None:
        """After the first look: by then everything is loaded that asks and draws."""
        if not self._settled:
            self._settled = True
            garbage.settle()

    def on_unmount(self) -> None:
        self._beside.close()
        self._stage.close()

    # --- time ---------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._stage.mode is Mode.PLAYED:
            self._say(self._stage.step(1))
            self._paint()
        if self._stage.looks:
            self._look()
            self._list()

    def _look(self) -> None:
        """One look, unless the last one is still awaited: a slow service makes the view slower, not the service."""
        if self._source is None or self._looking:
            return
        self._looking = True
        source, patience_s = self._source, min(1.0, self._every_s) * 0.8
        self._beside.ask(lambda: source.tick(patience_s), self._seen)

    def _seen(self, frame: Frame | LomiError) -> None:
        self._looking = False
        self._settle()
        if isinstance(frame, LomiError):
            self._say(frame.message)
            return
        if trouble := self._stage.heard(frame):
            self._say(f"no longer recorded: {trouble}")
        if self._stage.mode in (Mode.LIVE, Mode.PAUSED):
            self._paint()

    def _list(self, *, now: bool = False) -> None:
        due = asyncio.get_running_loop().time() - self._listed_at >= JOBS_S
        if self._source is None or self._open != JOBS or self._listing or not (due or now):
            return
        self._listing, self._listed_at = True, asyncio.get_running_loop().time()
        source, wanted = self._source, self._wanted
        self._beside.ask(lambda: source.jobs(wanted), self._listed)

    def _listed(self, sheet: Sheet | LomiError) -> None:
        self._listing = False
        if isinstance(sheet, LomiError):
            before = self._jobs or Sheet("Jobs", ())
            sheet = Sheet("Jobs", before.columns, before.rows, shown(sheet.message))
        self._jobs = sheet
        self._paint()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _paint(self) -> None:
        """Whatever the event loop shows: only the panels that are open."""
        view = self._stage.view(self._jobs)
        if view is None or len(self.screen_stack) > 1:
            return
        width = self._columns
        self.query_one("#banner", Text).show(head.banner(view, self._stage.mode, self._options, width, self._now()))
        self.query_one("#tabs", Text).show(head.tabs(view, self._open))
        strip = self.query_one("#strip", Text)
        if strip.display:
            strip.show(head.strip(view, width, plain=self._options.plain))
        for board in self.query(Board):
            if board.display:
                board.show(PANELS[board.place](view))

    def _lay_out(self) -> None:
        wide = self._columns >= WIDE
        chosen = (_WIDE_ALL if wide else _NARROW_ALL) if self._open < 0 else frozenset({self._open})
        self.query_one("#boards").set_class(wide and self._open < 0, "-wide")
        for board in self.query(Board):
            board.display = board.place in chosen
        for side, places in _SIDES.items():
            self.query_one(f"#{side}").display = bool(chosen & set(places))
        self.query_one("#strip").display = self._lines >= 20
        self.query_one("#keys", Text).show(head.keys(self._options, self._columns))
        if self.focused is None or not self.focused.display:
            self._board(min(chosen)).focus()
        self._list(now=True)
        self._paint()

    def _board(self, place: int) -> Board:
        return self.query_one(f"#board{place}", Board)

    @property
    def _current(self) -> Board:
        """The board with the cursor, also while something is typed below it."""
        if isinstance(self.focused, Board):
            self._last = self.focused.place
        return self._board(self._last)

    def on_resize(self, event: events.Resize) -> None:
        self._columns, self._lines = event.size
        small = self._columns < LEAST[0] or self._lines < LEAST[1]
        self.screen.set_class(small, "-cramped")
        here = f"here are {self._columns} and {self._lines}"
        self.query_one("#small", Text).show(f"lomi top needs {LEAST[0]} columns and {LEAST[1]} lines; {here}")
        self._lay_out()

    def on_board_opened(self, message: Board.Opened) -> None:
        self.action_open(-1 if self._open == message.place else message.place)

    def _say(self, text: str) -> None:
        """For a few seconds, unless something else is said before."""
        notice = self.query_one("#notice", Text)
        notice.display = bool(text)
        notice.show(text)
        if self._fading is not None:
            self._fading.stop()
        self._fading = self.set_timer(_SAID_S, lambda: self._say("")) if text else None

    @staticmethod
    def _now() -> datetime:
        return datetime.now(UTC)

    # --- keys: looking ------------------------------------------------------------------------------------------------

    def action_open(self, place: int) -> None:
        self._open = place
        self._lay_out()
        if place >= 0:
            self._board(place).focus()

    def action_enter(self) -> None:
        self.action_open(-1 if self._open >= 0 else self._current.place)

    def action_next(self, way: int) -> None:
        boards = [board for board in self.query(Board) if board.display]
        place = boards.index(self._current) if self._current in boards else 0
        boards[(place + way) % len(boards)].focus()

    def action_move(self, rows: int) -> None:
        self._current.move(rows)

    def action_sort(self) -> None:
        board = self._current
        board.sort(board.order.next(len(board.sheet.columns)))

    def action_turn(self) -> None:
        board = self._current
        board.sort(Order(board.order.column or 0, not board.order.down))

    def action_filter(self) -> None:
        jobs = self._current.place == JOBS
        hint = "state:dead error:timeout; empty for all" if jobs else "words that a row must have; empty for all"
        self._ask("filter", hint, self._wanted if jobs else self._current.wanted)

    def action_copy(self, command: bool) -> None:
        row = self._current.current
        if row is None:
            self._say("there is no row to copy")
            return
        text = row.command if command else json.dumps(dict(row.record), ensure_ascii=False, default=str)
        if text:
            self.copy_to_clipboard(text)
            self._say(f"copied: {text}")

    def action_help(self) -> None:
        self.push_screen(Help(write=self._options.write), lambda _: self._paint())

    def action_leave(self) -> None:
        self.exit(None, 0)

    # --- keys: time ---------------------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        self._stage.pause()
        self._paint()

    def action_once(self) -> None:
        self._look()

    def action_live(self) -> None:
        self._say("" if self._source else "this is a recording only")
        if self._source:
            self._stage.live()
        self._paint()

    def action_step(self, way: int) -> None:
        self._say(self._stage.step(way))
        self._paint()

    def action_mark(self, way: int) -> None:
        self._say(self._stage.mark(way))
        self._paint()

    def action_go(self) -> None:
        self._ask("go", "14:05, or 2026-11-20 14:05; in UTC", "")

    def action_pace(self, factor: float) -> None:
        self._every_s = min(SLOWEST_S, max(FASTEST_S, self._every_s * factor))
        self._timer.stop()
        self._timer = self.set_interval(self._every_s, self._tick)
        self._say(f"looks every {self._every_s:g} s")

    # --- keys: changing -----------------------------------------------------------------------------------------------

    def action_act(self, action: str) -> None:
        """Shows the command line first; Enter runs it."""
        if not self._options.write:
            self._say("this view only looks: lomi top --write")
        elif self._source is None or self._stage.mode not in (Mode.LIVE, Mode.PAUSED):
            self._say("this is the past: l goes back to now")
        elif action == "scale":
            self._ask("scale", "how many workers there shall be", "")
        else:
            self._propose(action, "")

    def _propose(self, action: str, said: str) -> None:
        view = self._stage.view(None)
        if view is None:
            return
        words = acting.words_of(action, view.measured, self._current.current, said)
        if isinstance(words, str):
            self._say(words)
            return
        line = f"lomi {shlex.join(words)}"
        self.push_screen(Confirm(line, self._options.name), lambda yes: self._carry_out(words, line) if yes else None)

    def _carry_out(self, words: Sequence[str], line: str) -> None:
        if self._source is None:
            return
        source = self._source
        self._say(f"{line} …")
        self._beside.ask(lambda: source.run(words), self._done)

    def _done(self, said: str | LomiError) -> None:
        self._say(said.message if isinstance(said, LomiError) else said)
        self._look()
        self._list(now=True)

    # --- the line -----------------------------------------------------------------------------------------------------

    def _ask(self, what: str, hint: str, value: str) -> None:
        line = self.query_one("#line", Input)
        self._last = self._current.place
        self._asking, line.placeholder, line.value = what, hint, value
        line.display = True
        line.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        what, said = self._asking, event.value.strip()
        self.action_escape()
        match what:
            case "filter" if self._current.place == JOBS:
                self._wanted = said
                self._list(now=True)
            case "filter":
                self._current.narrow(said)
            case "go":
                at = moment(said, self._now())
                self._say(self._stage.jump(at) if at else f"{said!r} is no time: 14:05, or 2026-11-20 14:05")
                self._paint()
            case "scale":
                self._propose("scale", said)

    def action_escape(self) -> None:
        line = self.query_one("#line", Input)
        if line.display:
            line.display, self._asking = False, ""
            self._board(self._last).focus()
        self._say("")

    # --- beside the event loop ----------------------------------------------------------------------------------------

    def _post(self, act: Callable[[], None]) -> None:
        """Safe from any thread."""
        self.post_message(self.Ready(act))

    def on_top_app_ready(self, message: Ready) -> None:
        message.act()
