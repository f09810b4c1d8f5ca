"""What covers the panels for a moment: help, and the question before something is changed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key as Pressed
from textual.screen import ModalScreen

from lomi_ops.domain.shown import shown
from lomi_ops.tui.text import Text
from lomi_ops.tui.top.keys import KEYS

_TEXT = """\
Colours are those of the alert rules: yellow is bad but not yet for long enough, or acknowledged; red is told to \
people. A spark line shows the last two minutes in each row, and the last hour above the panels; a gap is what could \
not be known. A dim number is the last one of a service that does not answer.

What is seen is recorded while this view runs, a day at most. Nothing is asked of anybody while it is paused."""


class Help(ModalScreen[None]):
    DEFAULT_CSS = """
    Help { background: $background; align: center top; }
    Help VerticalScroll { padding: 1 2; scrollbar-size: 1 1; }
    Help Text { height: auto; }
    """

    def __init__(self, *, write: bool) -> None:
        super().__init__()
        self._write = write

    def compose(self) -> ComposeResult:
        lines: list[Content] = [Content.styled("lomi top", "bold"), Content("")]
        lines.append(Content.assemble(("  1-8  ", "bold"), "a panel alone"))
        for key in KEYS:
            if key.shown and key.help and not key.shown.isdecimal():
                only = "" if self._write or not key.writes else "  with --write"
                lines.append(Content.assemble((f"{key.shown:>5}  ", "bold"), key.help, (only, "dim")))
        lines += [Content(""), Content(_TEXT), Content(""), Content.styled("any key goes back", "dim")]
        text = Text()
        text.update(Content("\n").join(lines))
        yield VerticalScroll(text)

    def on_key(self, event: Pressed) -> None:
        if event.key not in ("up", "down", "pageup", "pagedown", "home", "end"):
            event.stop()
            self.dismiss(None)


class Confirm(ModalScreen[bool]):
    """Shows the command line that a key stands for; only Enter runs it."""

    DEFAULT_CSS = """
    Confirm { background: $background 60%; align: center bottom; }
    Confirm Text { height: auto; width: 100%; padding: 0 1; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "dismiss(True)", show=False),
        Binding("escape,q,ctrl+c", "dismiss(False)", show=False),
    ]

    def __init__(self, line: str, name: str) -> None:
        """`name` of the profile, empty where there is none."""
        super().__init__()
        self._line, self._name = line, name

    def compose(self) -> ComposeResult:
        where = f" on {self._name}" if self._name else ""
        text = Text()
        text.update(Content.assemble((shown(self._line), "bold"), f"\nEnter runs this{where}, Escape does not"))
        yield text
