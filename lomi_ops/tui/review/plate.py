"""What the app asks of a photo, and what it gets to show. Both go to another process and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lomi_ops.domain.finding import Box
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.imaging.framing import Frame
from lomi_ops.tui.review.terminal import Images, Screen

WHOLE = Frame()
Boxes = tuple[tuple[Box, str, str], ...]
"""Place, caption, severity."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One photo in one state at one size."""

    key: str
    screen: Screen
    columns: int
    rows: int
    frame: Frame = WHOLE
    revealed: bool = False
    boxes: Boxes = ()
    """None are drawn without any."""
    measured: tuple[int, int] | None = None
    """Width and height of the photo that boxes are measured on, where that is known."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture in the terminal's own terms, `columns` wide."""

    images: Images
    columns: int
    runs: tuple[tuple[tuple[int, bytes], ...], ...] = ()
    """For half blocks, by line: so many cells of one look, six bytes of colour each, above and below."""
    rows: int = 0
    """For Kitty and Sixel."""
    sequence: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why there is nothing to look at."""

    title: str
    why: str
    passing: bool = False
    """Whether it may be another time."""


BROKEN = Unseen("this cannot be shown", "its decoder crashed, or took too long; the photo can be decided all the same")

Answer = Plate | Unseen | Fingerprint | bool | None


def packed(answer: Answer) -> dict[str, Any]:
    """As JSON has it: whoever was fed with bytes of strangers may say nothing that is executed."""
    match answer:
        case Plate(images, columns, runs, rows, sequence, number):
            lines = [[[cells, look.hex()] for cells, look in line] for line in runs]
            return {"plate": [images.value, columns, lines, rows, sequence, number]}
        case Unseen(title, why):
            return {"unseen": [title, why]}
        case Fingerprint(bits):
            return {"looks": bits.hex()}
        case _:
            return {"said": answer}


def unpacked(document: dict[str, Any]) -> Answer:
    """Raises ValueError, TypeError or KeyError for what `packed` never made."""
    match document:
        case {"plate": [images, columns, lines, rows, sequence, number]}:
            runs = tuple(tuple((int(cells), _look(look)) for cells, look in line) for line in lines)
            return Plate(Images(images), int(columns), runs, int(rows), str(sequence), int(number))
        case {"unseen": [title, why]}:
            return Unseen(str(title), str(why))
        case {"looks": bits}:
            return Fingerprint(bytes.fromhex(bits))
        case {"said": bool() | None as said}:
            return said
        case _:
            raise ValueError("no answer of a developer")


def _look(text: str) -> bytes:
    look = bytes.fromhex(text)
    if len(look) != 6:
        raise ValueError("a cell has two colours")
    return look
