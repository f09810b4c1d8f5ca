"""The parts of the screen. They show what they are given and decide nothing."""

from __future__ import annotations

from rich.style import Style
from textual.containers import Vertical
from textual.content import Content
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
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

    def render_lines(self, crop: Region) -> list[Strip]:
        """All of it is known here, without borders and in the terminal's own colours: what Textual does for every line
        of every widget takes half of the time in which a key is answered."""
        width, ground = self.size.width, self.rich_style
        blank, rows = Strip.blank(width, ground), self._rows(ground)
        top = (self.size.height - len(rows)) // 2
        lines = [rows[y - top] if 0 <= y - top < len(rows) else blank for y in crop.line_range]
        for each in self.get_line_filters():
            if not isinstance(each, ANSIToTruecolor):
                lines = [line.apply_filter(each, self.background_colors[1]) for line in lines]
        return lines if crop.column_span == (0, width) else [line.crop(crop.x, crop.right) for line in lines]

    def _rows(self, ground: Style) -> list[Strip]:
        """What is shown, from its first line to its last."""
        width, drawn = self.size.width, self._drawn
        if not drawn.strips:
            return self._word_lines(width)
        left = (width - drawn.columns) // 2
        before, after = Strip.blank(left, ground), Strip.blank(max(0, width - left - drawn.columns), ground)
        return [Strip.join([before, strip, after]) for strip in drawn.strips]

    def _word_lines(self, width: int) -> list[Strip]:
        lines = [line for words in self._words for line in _folded(words, max(8, width - 4))]
        contents = [Content(line.center(width)[:width]) for line in lines]
        return [Strip(content.render_segments(self.visual_style), width) for content in contents]


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
