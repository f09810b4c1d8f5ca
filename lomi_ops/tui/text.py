"""Text on a screen of ours."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from lomi_ops.domain.shown import shown_lines


class Text(Static):
    """Text that is never taken for markup. What it shows already is not drawn again, and the screen is only laid out
    anew where the number of lines changes: a key may not take as long as that takes."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(id=name, markup=False)
        self._shown = Content("")

    def show(self, content: Content | str) -> None:
        """Plain text may be anybody's: a terminal would obey what Textual leaves in it."""
        new = content if isinstance(content, Content) else Content(shown_lines(content))
        before, self._shown = self._shown, new
        if not new.is_same(before):
            self.update(new, layout=self._lines(new) != self._lines(before))

    def _lines(self, content: Content) -> int:
        return content.get_height({}, width) if content and (width := self.content_size.width) else 0
