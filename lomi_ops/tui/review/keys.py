"""What each key does: the one list from which bindings, the line at the bottom and the help are made."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.domain.review import REASONS


@dataclass(frozen=True, slots=True)
class Key:
    """One key, and an action of the app."""

    key: str
    """As Textual names it."""
    shown: str
    does: str
    """At most two words: it stands on the screen."""
    action: str
    help: str
    in_grid: bool = True
    in_single: bool = True
    important: bool = True
    """Also shown where there is little room."""


KEYS = (
    Key("a", "a", "approve", "approve", "approves: the chosen photos, else the one you look at; asks why once a pile"),
    *(
        Key(str(number), str(number), reason.value, f"reject('{reason.value}')", f"rejects as {reason.value}",
            important=False)
        for number, reason in enumerate(REASONS, 1)
    ),
    Key("m", "m", "reason", "why", "decides with another reason: any template, or words of your own"),
    Key("s", "s", "skip", "skip", "leaves the photo to somebody else"),
    Key("u", "u", "undo", "undo", "takes your last step back, all of its photos; silent while its countdown runs"),
    Key("r", "r", "reveal", "reveal", "shows the photo, or veils it again; each reveal is on record"),
    Key("x", "x", "boxes", "boxes", "shows where the detectors saw something", important=False),
    Key("z", "z", "zoom", "zoom", "twice as close, up to eight times; arrows move", important=False),
    Key("n", "n", "note", "note", "writes a note about photo and user, for colleagues only", important=False),
    Key("g", "g", "batch", "grid", "lays out the batch that the photo came with; again: one after the other",
        important=False),
    Key("d", "d", "duplicates", "similar", "lays out photos that look the same, this user's and others'",
        important=False),
    Key("b", "b", "next batch", "next_batch", "lays out the next batch", important=False),
    Key("space", "space", "choose", "choose", "chooses the photo for the next decision", in_single=False),
    Key("asterisk", "*", "choose all", "choose_all", "chooses all photos, or none", in_single=False),
    Key("p", "p", "piles", "piles", "goes to another pile", important=False),
    Key("slash", "/", "filter", "filter", "only photos that match, such as reason:blurry blur>40", important=False),
    Key("f", "f", "name it", "keep", "gives the filter of now a name: it is a pile of yours then", important=False),
    Key("question_mark", "?", "help", "help", "this page"),
    Key("q", "q", "quit", "leave", "gives everything back and leaves"),
)  # fmt: skip


LITTLE = 80
"""Columns below which there is little room."""


def shown(*, grid: bool, room: int, approval: str = "") -> list[tuple[str, str]]:
    """The keys of a view, as many as there is room for; the reasons as one entry where there is little. `approval` is
    the reason that goes with approving."""
    rich = room >= LITTLE
    pairs = [
        (key.shown, f"{key.does}: {approval}" if approval and key.action == "approve" else key.does)
        for key in KEYS
        if (key.in_grid if grid else key.in_single) and (key.important or rich) and not (key.key.isdigit() and not rich)
    ]
    if not rich:
        pairs.insert(1, ("1-5", "reject"))
    return pairs
