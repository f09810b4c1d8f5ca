"""What a session's state looks like on the screen: one photo with what speaks for and against it, or a batch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from textual.app import App
from textual.containers import Grid
from textual.content import Content

from lomi_ops.imaging.framing import Frame
from lomi_ops.tui.review import keys, table, words
from lomi_ops.tui.review.gallery import Gallery
from lomi_ops.tui.review.options import Options
from lomi_ops.tui.review.reviewing import Reviewing
from lomi_ops.tui.review.state import Tone
from lomi_ops.tui.review.table import Item
from lomi_ops.tui.review.widgets import Cell, Picture
from lomi_ops.tui.text import Latest, Text

_CELLS = 9
_CELL_ROWS = 9
_LOW = 30
"""Rows below which only the most important keys are shown, so that there is room for photos."""
_NARROW = 76
"""Columns below which a batch lies in two columns."""


class Canvas:
    """Draws on the widgets of an app whose photos are what is seen."""

    def __init__(
        self, app: App[None], reviewing: Reviewing, gallery: Gallery, options: Options, clock: Callable[[], datetime]
    ) -> None:
        self._app, self._reviewing, self._gallery = app, reviewing, gallery
        self._options, self._clock = options, clock
        self._grid: Grid | None = None
        self._keys, self._facts, self._story = Latest[Content](), Latest[Content](), Latest[Content]()

    async def draw(self) -> bool:
        """Whether to draw again when all is laid out: cells have no size before."""
        state, single = self._reviewing.table, self._app.query_one("#single")
        if state.grid and self._grid is None:
            # Twenty-eight widgets: whoever never lays out a batch need not wait for them when the app starts.
            self._grid = Grid(*(Cell() for _ in range(_CELLS)), id="grid")
            await self._app.query_one("#main").mount(self._grid, after="#single")
        turned = state.grid is single.display
        if self._grid is not None:
            self._grid.display = state.grid
        single.display = not state.grid
        self._draw_rest()
        self._draw_keys(grid=state.grid)
        self._draw_grid(self._grid) if state.grid and self._grid is not None else self._draw_single()
        self._gallery.forget_revealed({item.exhibit.row.url for item in state.items if item.revealed})
        self.draw_times()
        return turned

    def draw_times(self) -> None:
        """What changes with every second, and nothing else."""
        now, state = self._clock(), self._reviewing.state
        head = words.heading(
            state.pile, state.counts, self._options.actor, state.table.current, now, self._app.size.width,
            state.filter_name or state.filter_text,
        )  # fmt: skip
        self._text("#head").show(head)
        notice = self._text("#notice")
        notice.set_class(state.notice.tone is Tone.CONFLICT, "-conflict")
        notice.show(words.notice(self._reviewing, now))

    @property
    def columns(self) -> int:
        """Of a batch."""
        return 2 if self._app.size.width < _NARROW else 3

    def _text(self, name: str) -> Text:
        return self._app.query_one(name, Text)

    def _draw_keys(self, *, grid: bool) -> None:
        width, height = self._app.size
        room = width if height >= _LOW else min(width, keys.LITTLE - 1)
        approval = words.reason(self._reviewing.state.approval)

        def line() -> Content:
            return words.keys(keys.shown(grid=grid, room=room, approval=approval), width - 2)

        self._text("#keys").show(self._keys.of((grid, room, approval, width), line))

    def _draw_rest(self) -> None:
        line, reminder = self._text("#rest"), self._reviewing.state.rest
        line.display = bool(reminder)
        line.show(words.rest(reminder))

    def _draw_single(self) -> None:
        state, picture = self._reviewing.table, self._app.query_one("#photo", Picture)
        item = state.current
        if item is None:
            picture.say(*self._nothing())
            self._text("#about").show("")
            self._text("#story").show("")
            return
        self._hang(picture, item, state.frame)
        for later in state.upcoming[1:]:
            self._gallery.expect(picture, later.exhibit, boxes=state.boxes)
        self._draw_words(item)

    def _draw_words(self, item: Item) -> None:
        boxes, ascii_only = self._reviewing.table.boxes, self._options.ascii_only
        width = max(24, self._app.query_one("#facts").size.width - 3)
        story = self._reviewing.looking.stories.get(item.media_id, ())

        def about() -> Content:
            return words.about(item, width, boxes=boxes, ascii_only=ascii_only)

        self._text("#about").show(self._facts.of((item, width, boxes), about))
        told = self._story.of((item.exhibit, story), lambda: words.story(item.exhibit, story))
        self._text("#story").show(told)

    def _hang(self, picture: Picture, item: Item, frame: Frame) -> None:
        if not self._reviewing.looking.visible(item):
            picture.say("…")
            return
        boxes = self._reviewing.table.boxes
        self._gallery.hang(picture, item.exhibit, revealed=item.revealed, boxes=boxes, frame=frame)

    def _nothing(self) -> tuple[str, ...]:
        state = self._reviewing.state
        if state.away:
            return ("the database does not answer", "", "what you decided is kept")
        if state.so_far:
            return words.so_far(state.so_far, any_yet=state.found_some, stopped=state.stopped)
        if self._reviewing.dealing.busy:
            return ("…",)
        return (words.through(state), "", "p goes to another pile")

    def _draw_grid(self, grid: Grid) -> None:
        state = self._reviewing.table
        rows = -(-len(state.items) // self.columns)
        grid.styles.grid_rows = (f"{max(_CELL_ROWS, grid.size.height // max(1, rows))}",)
        for place, cell in enumerate(grid.query(Cell)):
            cell.display = place < len(state.items)
            if place < len(state.items):
                self._draw_cell(cell, state.items[place], looked=place == state.at)

    def _draw_cell(self, cell: Cell, item: Item, *, looked: bool) -> None:
        self._hang(cell.picture, item, table.WHOLE)
        title = ("● " if item.chosen else "") + words.plain(item.exhibit.standing, 40)
        cell.show(title, words.evidence(item, cell.size.width, ascii_only=self._options.ascii_only), looked=looked)
        if looked:
            cell.scroll_visible(animate=False)
