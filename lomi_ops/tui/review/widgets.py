"""The parts of the screen. They show what they are given and decide nothing."""

from __future__ import annotations

from rich.style import Style
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from lomi_ops.tui.review.picture import NOTHING, Drawn
from lomi_ops.tui.text import Text


class Picture(Widget):
    """A photo in the middle of its place; or a few words instead of one."""

    DEFAULT_CSS = """
    Picture { width: 1fr; height: 1fr; }
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(id=name)
        self._drawn: Drawn = NOTHING
        self._words: tuple[str, ...] = ()

    @property
    def drawn(self) -> Drawn:
        return self._drawn

    @property
    def words(self) -> tuple[str, ...]:
        return self._words

    def show(self, drawn: Drawn) -> None:
        self._swap(drawn, ())

    def say(self, *words: str) -> None:
        """Instead of a photo."""
        self._swap(NOTHING, words)

    def _swap(self, drawn: Drawn, words: tuple[str, ...]) -> None:
        if drawn is self._drawn and words == self._words:
            return
        # The driver writes what it is given in order, so a picture is known before its cells are.
        self._hand_over(self._drawn.after + drawn.before)
        self._drawn, self._words = drawn, words
        self.refresh()

    def _hand_over(self, sequence: str) -> None:
        driver = self.app._driver
        if sequence and driver is not None:
            driver.write(sequence)

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        drawn = self._drawn
        if not drawn.strips:
            return self._word_line(y, self.size)
        top, left = (height - drawn.rows) // 2, (width - drawn.columns) // 2
        ground = self._ground
        if not 0 <= y - top < drawn.rows:
            return Strip.blank(width, ground)
        blank = (Strip.blank(left, ground), Strip.blank(max(0, width - left - drawn.columns), ground))
        return Strip.join([blank[0], drawn.strips[y - top], blank[1]])

    def _word_line(self, y: int, size: Size) -> Strip:
        lines = [line for words in self._words for line in _folded(words, max(8, size.width - 4))]
        place = y - (size.height - len(lines)) // 2
        text = lines[place] if 0 <= place < len(lines) else ""
        content = Content(text.center(size.width)[: size.width])
        return Strip(content.render_segments(self.visual_style), size.width)

    @property
    def _ground(self) -> Style:
        return self.rich_style


def _folded(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]


class Cell(Vertical):
    """One photo of a grid with its evidence."""

    DEFAULT_CSS = """
    Cell { border: round $foreground 40%; border-title-color: $foreground; }
    Cell.-looked { border: heavy $accent; }
    Cell Text { height: auto; max-height: 4; }
    """

    def __init__(self) -> None:
        self.picture, self._evidence = Picture(), Text()
        super().__init__(self.picture, self._evidence)

    def show(self, title: str, content: Content, *, looked: bool) -> None:
        self.border_title = Content(title)
        self.set_class(looked, "-looked")
        self._evidence.show(content)
