"""`lomi review` as an app: photos, evidence and keys on one screen."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message

from lomi_ops.domain.macro import Macro, approving, first_for, laid_out
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import REASONS
from lomi_ops.domain.saved_filter import SavedFilter
from lomi_ops.domain.verdict import Reason
from lomi_ops.errors import LomiError
from lomi_ops.tui import garbage
from lomi_ops.tui.review import keys, table
from lomi_ops.tui.review.background import Background
from lomi_ops.tui.review.canvas import Canvas
from lomi_ops.tui.review.gallery import Gallery
from lomi_ops.tui.review.options import Options
from lomi_ops.tui.review.photos import Photos
from lomi_ops.tui.review.reviewing import Reviewing
from lomi_ops.tui.review.screens import OWN_WORDS, Help, Piles, Why
from lomi_ops.tui.review.state import Tone
from lomi_ops.tui.review.table import Item
from lomi_ops.tui.review.terminal import Images, Screen
from lomi_ops.tui.review.widgets import Picture
from lomi_ops.tui.text import Text

if TYPE_CHECKING:
    from textual.widgets import Input

LEAST = (40, 12)
"""Columns and rows below which the app says what it needs."""
_RETRY_S = 2.0
_PUBLISH_S = 5.0
_SWEEP_S = 10.0


class ReviewApp(App[None]):
    """Shows what `Reviewing` holds, and hands keys on to it."""

    TITLE = "lomi review"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 - Textual declares it so
        (0, "-narrow"),
        (76, "-normal"),
        (120, "-wide"),
    ]
    CSS = """
    Screen { layers: base above; }
    #head { height: 1; background: $primary-darken-2; color: $text; }
    #single { height: 1fr; }
    #facts { width: 38; padding: 0 1; scrollbar-size: 1 1; }
    #facts Text { height: auto; }
    #grid { height: 1fr; grid-size: 3; overflow-y: auto; scrollbar-size: 1 1; }
    #notice { height: auto; max-height: 3; padding: 0 1; }
    #notice.-conflict { background: $error; color: $text; }
    #keys { height: auto; max-height: 4; padding: 0 1; }
    #line { height: 3; }
    #rest { display: none; height: auto; max-height: 2; padding: 0 1; background: $accent; color: $text; }
    #small { display: none; }
    .-wide #facts { width: 52; }
    .-narrow #single { layout: vertical; }
    .-narrow #facts { width: 100%; height: 45%; }
    .-narrow #grid { grid-size: 2; }
    .-cramped #main { display: none; }
    .-cramped #small { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.key, key.action, key.does) for key in keys.KEYS),
        *(Binding(key, f"go('{key}')", show=False) for key in ("left", "right", "up", "down")),
        Binding("escape", "put_away", show=False),
        Binding("ctrl+c,ctrl+q", "leave", show=False),
    ]

    class Ready(Message):
        """Something from beside the event loop."""

        def __init__(self, act: Callable[[], None]) -> None:
            super().__init__()
            self.act = act

    def __init__(
        self, reviewing: Reviewing, background: Background, photos: Photos, screen: Screen, options: Options,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        """`reviewing` may have been started already, on the same background."""
        super().__init__()
        self._clock, self._options = clock, options
        self._background, self.reviewing, self._photos = background, reviewing, photos
        self.reviewing.state.changed = self._changed
        self._gallery = Gallery(photos, screen, self._background.paint, self._changed)
        self._canvas = Canvas(self, reviewing, self._gallery, options, clock)
        self._next_beat = clock()
        self._painting = False
        self._asking = ""
        self._about: tuple[Item, ...] = ()
        if screen.images is not Images.NONE:
            reviewing.looking.looks = photos.looks
        reviewing.deciding.unseen = self._gallery.unseen
        background.catch_up()

    def compose(self) -> ComposeResult:
        yield Text("small")
        with Vertical(id="main"):
            yield Text("head")
            with Horizontal(id="single"):
                yield Picture("photo")
                with VerticalScroll(id="facts", can_focus=False):
                    yield Text("about")
                    yield Text("story")
            yield Text("rest")
            yield Text("notice")
            yield Text("keys")

    def on_mount(self) -> None:
        # As a key would: claims are given back, and the terminal is left as it was found.
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        self._background.attend(self._post, self.call_after_refresh)
        self._next_beat = self._clock() + timedelta(seconds=self._options.beat_s)
        self.set_interval(1.0, self._tick)
        self.set_interval(_PUBLISH_S, self.reviewing.deciding.publish)
        self.set_interval(_SWEEP_S, lambda: garbage.sweep(whole=True))

    def on_ready(self) -> None:
        garbage.settle_between_frames()

    def on_unmount(self) -> None:
        self.reviewing.leave()
        self._background.close()
        self._photos.close()

    def _post(self, act: Callable[[], None]) -> None:
        """Safe from any thread."""
        self.post_message(self.Ready(act))

    @property
    def _uncovered(self) -> bool:
        """Whether the photos are what is seen, and not the help."""
        return self.is_running and len(self.screen_stack) == 1

    def on_review_app_ready(self, message: Ready) -> None:
        message.act()

    def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < LEAST[0] or event.size.height < LEAST[1]
        self.screen.set_class(small, "-cramped")
        here = f"here are {event.size.width} and {event.size.height}"
        told = f"lomi review needs {LEAST[0]} columns and {LEAST[1]} lines; {here}"
        self.query_one("#small", Text).show(told)
        self._changed()
        self.call_after_refresh(self._changed)  # the photo has no size, or the old one, before all is laid out

    # Time.

    def _tick(self) -> None:
        self.reviewing.tick(self._clock())
        if self._clock() >= self._next_beat:
            wait = _RETRY_S if self.reviewing.state.away else self._options.beat_s
            self._next_beat = self._clock() + timedelta(seconds=wait)
            self.reviewing.beat()
            self._gallery.ask_again()
        elif self.reviewing.state.away and self._next_beat > self._clock() + timedelta(seconds=_RETRY_S):
            self._next_beat = self._clock() + timedelta(seconds=_RETRY_S)
        if self._uncovered:
            self._canvas.draw_times()

    # Keys.

    def action_approve(self) -> None:
        """An approval needs a reason that a person chose: once for each pile, shown beside the key from then on."""
        if approval := self.reviewing.state.approval:
            self.reviewing.decide(approval)
        else:
            self._ask_why(Why(approving(self._options.macros), approving=True))

    def action_reject(self, reason: str) -> None:
        """The reason is the key, its words those of the first template for it."""
        because = Reason(reason)
        macro = first_for(self._options.macros, because)
        self.reviewing.decide(macro or Macro(reason, because, f"rejected as {reason}"))

    def action_why(self) -> None:
        self._ask_why(Why(laid_out(self._options.macros, REASONS), approving=False))

    def _ask_why(self, page: Why) -> None:
        """About what is looked at now: while the page is open a claim may end, and another photo come."""
        self._about = self.reviewing.table.targets
        if self._about:
            self.push_screen(page, self._reason_chosen)

    def _decide_about(self, macro: Macro) -> None:
        asked, now = ([item.exhibit.stand for item in items] for items in (self._about, self.reviewing.table.targets))
        if asked == now:
            self.reviewing.decide(macro)
        else:
            self.reviewing.state.say("something else lies here than when you began: nothing was decided", Tone.CONFLICT)

    async def _reason_chosen(self, macro: Macro | None) -> None:
        if macro is OWN_WORDS:
            await self._ask_for("reason", "why they are approved, for the record; Enter approves, Escape does not", "")
        elif macro is not None:
            self._decide_about(macro)

    def action_skip(self) -> None:
        self.reviewing.skip()

    def action_undo(self) -> None:
        self.reviewing.undo()

    def action_reveal(self) -> None:
        self.reviewing.looking.reveal()

    def action_grid(self) -> None:
        self.reviewing.grid()

    def action_similar(self) -> None:
        self.reviewing.similar()

    def action_next_batch(self) -> None:
        self.reviewing.dealing.next_batch()

    def action_boxes(self) -> None:
        self.reviewing.change_table(table.with_boxes(self.reviewing.table))

    def action_zoom(self) -> None:
        self.reviewing.change_table(table.closer(self.reviewing.table))

    def action_choose(self) -> None:
        self.reviewing.change_table(table.toggled(self.reviewing.table))

    def action_choose_all(self) -> None:
        self.reviewing.change_table(table.all_chosen(self.reviewing.table))

    def action_go(self, where: str) -> None:
        across, down = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[where]
        if self.reviewing.table.grid:
            self.reviewing.move(across + down * self._canvas.columns)
        else:
            self.reviewing.change_table(table.panned(self.reviewing.table, across, down))

    def action_help(self) -> None:
        self.push_screen(Help())

    def action_piles(self) -> None:
        state = self.reviewing.state
        self.push_screen(Piles(state.counts, state.pile, state.saved, state.filter_name), self._pile_chosen)

    def _pile_chosen(self, chosen: Pile | SavedFilter | None) -> None:
        if chosen is not None:
            self.reviewing.go(chosen)

    async def action_note(self) -> None:
        await self._ask_for("note", "a note for colleagues; Enter keeps it, Escape drops it", "")

    async def action_filter(self) -> None:
        await self._ask_for(
            "filter", "reason:blurry blur>40, or a name; empty for all", self.reviewing.state.filter_text
        )

    async def action_keep(self) -> None:
        if self.reviewing.state.filter_text:
            await self._ask_for("name", "a name for this filter, such as sharp-ones", self.reviewing.state.filter_name)
        else:
            self.reviewing.state.say("there is no filter to name: / takes one")

    def _keep(self, name: str) -> None:
        state = self.reviewing.state
        try:
            state.saved = self._options.keep(state.saved, name.strip(), state.filter_text)
        except LomiError as failure:
            state.say("; ".join(filter(None, (failure.message, failure.hint))), Tone.CONFLICT)
        else:
            state.say(f"kept as {name.strip()}: p offers it, and --filter {name.strip()} takes it")

    async def _ask_for(self, what: str, hint: str, value: str) -> None:
        """The line is there when the next key comes: that one is a letter, and no decision."""

        from textual import widgets

        line = widgets.Input(value, hint, id="line")
        self._asking = what
        await self.query_one("#main").mount(line, before="#keys")
        self.screen.set_focus(line)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        asked, text = self._asking, event.value
        await self._close_line()
        if asked == "note":
            self.reviewing.looking.note(text)
        elif asked == "filter":
            self.reviewing.narrow(text)
        elif asked == "name":
            self._keep(text)
        elif asked == "reason" and text.strip():
            self._decide_about(Macro("", None, text.strip()))

    async def action_put_away(self) -> None:
        if self._asking:
            await self._close_line()
        else:
            self.reviewing.rested()

    async def _close_line(self) -> None:
        self._asking = ""
        self.set_focus(None)
        await self.query("#line").remove()

    def action_leave(self) -> None:
        if self.reviewing.may_leave():
            self.exit()

    # The screen.

    def _changed(self) -> None:
        """Draws once for whatever happens until then."""
        if self.reviewing.left:
            self.exit()
        if not self._painting and self.is_running:
            self._painting = True
            self.call_next(self._paint)

    async def _paint(self) -> None:
        self._painting = False
        self.call_after_refresh(garbage.sweep)
        if self._uncovered and await self._canvas.draw():
            self.call_after_refresh(self._changed)
