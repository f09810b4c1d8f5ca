"""Text on a screen of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from textual.content import Content
from textual.widgets import Static

from lomi_ops.domain.shown import shown_lines

Value = TypeVar("Value")


class Latest(Generic[Value]):
    """The last value, and what it was made of: nothing is made anew of what has not changed. A photo is painted several
    times while answers about it come."""

    def __init__(self) -> None:
        self._made: tuple[tuple[object, ...], Value] | None = None

    def of(self, made_of: tuple[object, ...], make: Callable[[], Value]) -> Value:
        """`made_of` is all that `make` looks at."""
        if self._made is None or self._made[0] != made_of:
            self._made = made_of, make()
        return self._made[1]


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
