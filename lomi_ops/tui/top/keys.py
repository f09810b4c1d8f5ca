"""What each key does: bindings, the line at the bottom and the help are made of this list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    key: str
    """As Textual names it."""
    shown: str
    does: str
    """At most two words; empty for what only the help tells."""
    action: str
    help: str
    writes: bool = False


KEYS = (
    Key("question_mark", "?", "help", "help", "this page"),
    Key("q", "q", "quit", "leave", "leaves"),
    Key("0", "0", "all", "open(-1)", "all panels"),
    *(Key(str(number), str(number), "", f"open({number - 1})", "") for number in range(1, 9)),
    Key("tab", "tab", "", "next(1)", "the next panel"),
    Key("shift+tab", "", "", "next(-1)", ""),
    Key("enter", "enter", "open", "enter", "the panel alone; once more: all panels"),
    Key("down,j", "↓", "", "move(1)", "a row further; page up and down, home, end"),
    Key("up,k", "↑", "", "move(-1)", ""),
    Key("pagedown", "", "", "move(15)", ""),
    Key("pageup", "", "", "move(-15)", ""),
    Key("home", "", "", "move(-1000000)", ""),
    Key("end", "", "", "move(1000000)", ""),
    Key("slash", "/", "filter", "filter", "rows with these words; in Jobs as lomi queue: state:dead"),
    Key("s", "s", "sort", "sort", "by the next column; r turns it round; a click does both"),
    Key("r", "r", "", "turn", ""),
    Key("p", "p", "pause", "pause", "stops looking, or plays the past; space looks once"),
    Key("space", "space", "", "once", ""),
    Key("left_square_bracket", "[", "back", "step(-1)", "a look back, ] forward; { and } an alert back, forward"),
    Key("right_square_bracket", "]", "", "step(1)", ""),
    Key("left_curly_bracket", "{", "", "mark(-1)", ""),
    Key("right_curly_bracket", "}", "", "mark(1)", ""),
    Key("g", "g", "go to", "go", "a time: 14:05, or 2026-11-20 14:05"),
    Key("l", "l", "live", "live", "from the past to now"),
    Key("y", "y", "copy", "copy(False)", "the row as JSON; Y the command that shows the same"),
    Key("Y", "Y", "", "copy(True)", ""),
    Key("plus,equals_sign", "+", "", "pace(2)", "looks half as often; - twice as often"),
    Key("minus", "-", "", "pace(0.5)", ""),
    Key("P", "P", "", "act('pause')", "pauses the queue, or lets it go on", writes=True),
    Key("R", "R", "", "act('retry')", "tries the chosen job again", writes=True),
    Key("Q", "Q", "", "act('quiet')", "no more jobs for the chosen worker, or jobs again", writes=True),
    Key("S", "S", "", "act('scale')", "so many workers", writes=True),
)  # fmt: skip
