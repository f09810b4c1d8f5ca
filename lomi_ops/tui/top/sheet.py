"""What a panel shows: columns and rows, before anybody draws them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rich.cells import cell_len, set_cell_size

from lomi_ops.domain.spark import spark

GAP = 2
"""Columns between two columns."""
SPARK_LEAST, SPARK_MOST = 8, 60
TEXT_LEAST = 24
"""Of text that grows beside a spark line."""


_JOINERS = re.compile("[\u200d\ufe0e\ufe0f]")
"""They make one sign of several: how wide that is depends on what stands beside it, and on the terminal."""


class Tone(StrEnum):
    PLAIN = "plain"
    DIM = "dim"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    right: bool = False
    grows: bool = False
    """Takes the room that is left: a spark line is drawn in it, text is cut to it."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str = ""
    tone: Tone = Tone.PLAIN
    order: float | str | None = None
    """What it is sorted by; the text, where nothing else is said."""
    line: tuple[float | None, ...] | None = None
    """A spark line instead of text."""

    @property
    def rank(self) -> tuple[int, float, str]:
        """Numbers before words, what is not known last."""
        if isinstance(self.order, int | float):
            return (0, float(self.order), "")
        return (1, 0.0, self.text) if self.text else (2, 0.0, "")


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    """Stays the same from frame to frame: the cursor keeps to it."""
    cells: tuple[Cell, ...]
    record: Mapping[str, object] = field(default_factory=dict)
    """What is copied as JSON."""
    command: str = ""
    """What shows or does the same on a command line."""

    @property
    def words(self) -> str:
        return " ".join(cell.text for cell in self.cells).casefold()


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    note: str = ""
    """Why it is empty, or how old it is."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a sheet is sorted: by a column, or as it comes."""

    column: int | None = None
    down: bool = False

    def next(self, columns: int) -> Order:
        """What one more press of the key sorts by: each column, first upwards."""
        if self.column is None:
            return Order(0)
        return Order(self.column + 1) if self.column + 1 < columns else Order()

    def by(self, column: int) -> Order:
        """What a click on a column's name sorts by."""
        return Order(column, not self.down if self.column == column else False)


def arranged(sheet: Sheet, order: Order, wanted: str) -> tuple[Row, ...]:
    """Rows that hold every wanted word, in order; what is not known stays last, whichever way it is sorted."""
    words = wanted.casefold().split()
    rows = [row for row in sheet.rows if all(word in row.words for word in words)]
    if order.column is None or order.column >= len(sheet.columns):
        return tuple(rows)
    column = order.column
    known = [row for row in rows if row.cells[column].rank[0] < 2]
    rows = [row for row in rows if row.cells[column].rank[0] == 2]
    return (*sorted(known, key=lambda row: row.cells[column].rank, reverse=order.down), *rows)


def widths(sheet: Sheet, rows: Sequence[Row], room: int) -> list[int]:
    """Columns of each column within `room`; those that do not fit at all get 0, the last ones first. Text that grows
    comes before spark lines, which are left out where both would be too narrow."""
    natural = [
        max([len(column.name), *(cell_len(_apart(row.cells[index].text)) for row in rows)])
        for index, column in enumerate(sheet.columns)
    ]
    growing = [index for index, column in enumerate(sheet.columns) if column.grows]
    sparks = [index for index in growing if any(row.cells[index].line is not None for row in rows)]
    texts = [index for index in growing if index not in sparks]
    found = [0 if column.grows else width for column, width in zip(sheet.columns, natural, strict=True)]
    least = dict.fromkeys(sparks, min(SPARK_LEAST, room)) | {
        index: min(natural[index], TEXT_LEAST if sparks else SPARK_LEAST, room) for index in texts
    }
    while _taken(found, least) > room:
        last = max((index for index, width in enumerate(found) if width), default=0)
        if last == 0:
            break
        if texts and sparks and last < sparks[-1]:
            least = {index: width for index, width in least.items() if index in texts}
            sparks = []
            continue
        found[last] = 0
    left = room - _taken(found, dict.fromkeys(least, 0))
    for kind, most in ((texts, natural), (sparks, [SPARK_MOST] * len(natural))):
        others = sum(width for index, width in least.items() if index not in kind and not found[index])
        for place, index in enumerate(kind):
            found[index] = max(0, min((left - others) // (len(kind) - place), most[index]))
            left -= found[index]
    if texts and not sparks:
        found[texts[-1]] += max(0, left)
    return found


def _taken(found: Sequence[int], least: Mapping[int, int]) -> int:
    """Columns of all that is shown, with what stands between them."""
    shown = sum(1 for index, width in enumerate(found) if width or index in least)
    return sum(found) + sum(least.values()) + GAP * max(0, shown - 1)


def written(cell: Cell, column: Column, width: int, *, plain: bool = False) -> str:
    """A cell in exactly so many columns."""
    if cell.line is not None:
        return spark(cell.line, width, plain=plain).rjust(width)
    text = _apart(cell.text)
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)) + ("~" if plain else "…") if width else ""
    room = " " * (width - cell_len(text))
    return room + text if column.right else text + room


def _apart(text: str) -> str:
    """Without what joins signs: each is as wide as it is by itself."""
    return text if text.isascii() else _JOINERS.sub("", text)
