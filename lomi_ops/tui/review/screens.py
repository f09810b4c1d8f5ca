"""What covers the photos for a moment: help, and the choice of a pile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key as Pressed
from textual.screen import ModalScreen, ScreenResultType

from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import Pile, so_many
from lomi_ops.domain.saved_filter import SavedFilter
from lomi_ops.tui.review import words
from lomi_ops.tui.review.keys import KEYS
from lomi_ops.tui.text import Text

PILES = {
    Pile.WAITING: "photos that wait for a person",
    Pile.REJECTED: "photos that a worker rejected",
    Pile.FAILED: "photos that could not be judged",
    Pile.MINORS: "suspected minors: each look and each reveal is on record",
}
_CHOICES = "123456789abcdefghijklmnorstuvxyz"
"""Keys of what a page offers; without those that leave it, or mean words of one's own."""
_HELP = """\
A photo is grey and blurred until r reveals it. Scores are bars; ┃ marks the thresholds of its policy.

The photo is yours while its countdown runs and this screen is open; nobody else can decide it meanwhile. A decision \
reaches the app and the user when the grace window is over. Until then u takes it back and nobody hears of it.

If the database goes away, go on: what you decide is kept and sent when it is back. A photo that changed meanwhile is \
shown as a conflict, and nothing is written."""


class Covering(ModalScreen[ScreenResultType]):
    """Opaque: no photo shines through."""

    DEFAULT_CSS = """
    Covering { background: $background; align: center top; }
    Covering VerticalScroll { padding: 1 2; }
    Covering Text { height: auto; }
    """


def _page(lines: list[Content | str]) -> VerticalScroll:
    text = Text()
    text.update(words.joined(lines))
    return VerticalScroll(text)


class Help(Covering[None]):
    """Every key, and what happens to what is decided."""

    def compose(self) -> ComposeResult:
        lines: list[Content | str] = [Content.styled("lomi review", "bold"), ""]
        lines += [Content.assemble((f"{key.shown:>6}  ", "bold"), key.help) for key in KEYS]
        yield _page([*lines, "", _HELP, "", Content.styled("any key goes back", "dim")])

    def on_key(self, event: Pressed) -> None:
        if event.key not in ("up", "down", "pageup", "pagedown", "home", "end"):
            event.stop()
            self.dismiss(None)


class Piles(Covering[Pile | SavedFilter | None]):
    """Which photos next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"take({place})") for place, key in enumerate(_CHOICES)),
        Binding("escape,q,p", "dismiss(None)"),
    ]

    def __init__(self, counts: Mapping[Pile, int], current: Pile, saved: Sequence[SavedFilter], name: str) -> None:
        """`name` is that of the filter of now."""
        super().__init__()
        self._counts, self._current, self._saved, self._name = counts, current, saved, name
        self._offered: tuple[Pile | SavedFilter, ...] = (*PILES, *saved)

    def compose(self) -> ComposeResult:
        lines: list[Content | str] = [Content.styled("which photos?", "bold"), ""]
        for key, (pile, says) in zip(_CHOICES, PILES.items(), strict=False):
            here = " (here)" if pile is self._current and not self._name else ""
            count = self._counts.get(pile)
            told = "      ?" if count is None else f"{so_many(count):>7}"
            lines.append(Content.assemble((f" {key} ", "reverse"), f" {told}  {pile.value}{here}"))
            lines.append(Content.styled(f"             {says}", "dim"))
        for key, saved in zip(_CHOICES[len(PILES) :], self._saved, strict=False):
            here = " (here)" if saved.name == self._name else ""
            lines.append(Content.assemble((f" {key} ", "reverse"), f"          {saved.name}{here}"))
            lines.append(Content.styled(f"             {words.plain(saved.text)}", "dim"))
        if not self._saved:
            lines += ["", Content.styled("/ filters, f gives the filter a name: it is offered here then", "dim")]
        yield _page([*lines, "", Content.styled("escape goes back", "dim")])

    def action_take(self, place: int) -> None:
        if place < len(self._offered):
            self.dismiss(self._offered[place])


OWN_WORDS = Macro("", None, "")
"""The answer of who wants to say why in words of their own."""


class Why(Covering[Macro | None]):
    """With which reason."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"take({place})") for place, key in enumerate(_CHOICES)),
        Binding("w", "own"),
        Binding("escape,q,p", "dismiss(None)"),
    ]

    def __init__(self, macros: Sequence[Macro], *, approving: bool) -> None:
        """`approving` for a first approval: there are only reasons for that, and the choice holds for the pile."""
        super().__init__()
        self._macros, self._approving = macros, approving

    def compose(self) -> ComposeResult:
        kept = "why do you approve? kept for this pile; m takes another reason"
        title = kept if self._approving else "which reason?"
        lines: list[Content | str] = [Content.styled(title, "bold"), ""]
        for key, macro in zip(_CHOICES, self._macros, strict=False):
            what = f"rejects: {macro.because.value}" if macro.because else "approves"
            head = f" {words.plain(macro.name, 40):<14} {'' if self._approving else what}"
            lines.append(Content.assemble((f" {key} ", "reverse"), head.rstrip()))
            said = "; ".join((macro.note, *(f"{language}: {text}" for language, text in macro.texts.items())))
            lines.append(Content.styled(f"     {words.plain(said)}", "dim"))
        lines.append(Content.assemble((" w ", "reverse"), " approves, with words of your own"))
        yield _page([*lines, "", Content.styled("escape goes back, nothing is decided", "dim")])

    def action_take(self, place: int) -> None:
        if place < len(self._macros):
            self.dismiss(self._macros[place])

    def action_own(self) -> None:
        self.dismiss(OWN_WORDS)
