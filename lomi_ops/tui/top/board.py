"""One panel on the screen: a title, the names of its columns, and its rows. Draws only lines that are seen."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lomi_ops.tui.top.sheet import GAP, Order, Row, Sheet, Tone, arranged, widths, written

STYLES = {
    Tone.PLAIN: Style(),
    Tone.DIM: Style(dim=True),
    Tone.GOOD: Style(color="green"),
    Tone.WARN: Style(color="yellow"),
    Tone.BAD: Style(color="red", bold=True),
}
"""The terminal's own colours: they are readable on its own background."""
_HEAD = 2
"""Lines above the rows."""
_EMPTY = Sheet("", ())


class Board(Widget, can_focus=True):
    """Keeps its cursor on the same row while the rows change."""

    DEFAULT_CSS = """
    Board { width: 1fr; height: 1fr; }
    """

    class Opened(Message):
        """Somebody pressed its title."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, place: int, *, plain: bool = False) -> None:
        super().__init__(id=f"board{place}")
        self.place, self._plain = place, plain
        self.order, self.wanted = Order(), ""
        self.sheet = _EMPTY
        self.rows: tuple[Row, ...] = ()
        self._at, self._top, self._key = 0, 0, ""
        self._widths: list[int] = []

    # --- what it holds ------------------------------------------------------------------------------------------------

    def show(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self._arrange()

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self._at] if self.rows else None

    def sort(self, order: Order) -> None:
        self.order = order
        self._arrange()

    def narrow(self, wanted: str) -> None:
        self.wanted = wanted
        self._arrange()

    def move(self, rows: int) -> None:
        self._go(self._at + rows)

    def _arrange(self) -> None:
        self.rows = arranged(self.sheet, self.order, self.wanted)
        self._widths = widths(self.sheet, self.rows, self.size.width)
        place = next((index for index, row in enumerate(self.rows) if row.key == self._key), self._at)
        self._go(place)

    def _go(self, place: int) -> None:
        self._at = max(0, min(place, len(self.rows) - 1))
        self._key = self.rows[self._at].key if self.rows else ""
        room = max(1, self.size.height - _HEAD)
        self._top = min(max(self._top, self._at - room + 1), self._at)
        self._top = max(0, min(self._top, len(self.rows) - room))
        self.refresh()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._title(width)
        if y == 1:
            return self._names(width)
        place = self._top + y - _HEAD
        if place >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        return self._row(self.rows[place], width, looked=self.has_focus and place == self._at)

    def _title(self, width: int) -> Strip:
        more = len(self.rows) - max(0, self.size.height - _HEAD)
        parts = [self.sheet.title or "…"]
        if self.wanted:
            parts.append(f"/{self.wanted}: {len(self.rows)} of {len(self.sheet.rows)}")
        elif more > 0:
            parts.append(f"{len(self.rows)} rows")
        if self.sheet.note:
            parts.append(self.sheet.note)
        text = f" {self.place + 1} " + "  ".join(parts)
        style = self.rich_style + Style(reverse=True, dim=not self.has_focus, bold=self.has_focus)
        return Strip([Segment(_fitted(text, width), style)], width)

    def _names(self, width: int) -> Strip:
        marks = ("^", "v") if self._plain else ("▲", "▼")
        texts = []
        for index, (column, room) in enumerate(zip(self.sheet.columns, self._widths, strict=True)):
            if room:
                mark = marks[self.order.down] if self.order.column == index else ""
                text = _fitted(column.name + mark, room)
                texts.append(text.strip().rjust(room) if column.right else text)
        return Strip([Segment(_fitted((" " * GAP).join(texts), width), self.rich_style + STYLES[Tone.DIM])], width)

    def _row(self, row: Row, width: int, *, looked: bool) -> Strip:
        ground = self.rich_style + Style(reverse=True) if looked else self.rich_style
        segments: list[Segment] = []
        used = 0
        for cell, column, room in zip(row.cells, self.sheet.columns, self._widths, strict=True):
            if not room:
                continue
            if used:
                segments.append(Segment(" " * GAP, ground))
                used += GAP
            segments.append(Segment(written(cell, column, room, plain=self._plain), ground + STYLES[cell.tone]))
            used += room
        segments.append(Segment(" " * max(0, width - used), ground))
        return Strip(segments).crop(0, width)

    # --- mouse and size -----------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._arrange()

    def on_click(self, event: events.Click) -> None:
        self.focus()
        if event.y == 0:
            self.post_message(self.Opened(self.place))
        elif event.y == 1:
            if (column := self._column_at(event.x)) is not None:
                self.sort(self.order.by(column))
        elif (place := self._top + event.y - _HEAD) < len(self.rows):
            self._go(place)

    def on_mouse_scroll_down(self, _: events.MouseScrollDown) -> None:
        self.move(3)

    def on_mouse_scroll_up(self, _: events.MouseScrollUp) -> None:
        self.move(-3)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _column_at(self, x: int) -> int | None:
        left = 0
        for index, room in enumerate(self._widths):
            if room:
                if left <= x < left + room + GAP:
                    return index
                left += room + GAP
        return None


def _fitted(text: str, width: int) -> str:
    return text[:width].ljust(width)
