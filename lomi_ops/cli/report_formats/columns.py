"""A table as people read it: no empty columns, both ends of an interval in one, not more rows than one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.cli.report_formats.cells import interval, said, said_within
from lomi_ops.domain.report import Column, Table, Unit, Value

MOST = 30
"""Rows; the others are in the formats for programs."""
_EXAMPLE, _COMMAND = "example", "command"


@dataclass(frozen=True, slots=True)
class Told:
    name: str
    title: str
    number: bool
    cells: tuple[str, ...]
    bars: tuple[float, ...] | None
    """Parts of the longest, 0..1; None where the column has none."""


def told(table: Table) -> list[Told]:
    """The columns that say something. An example stands in its command already."""
    rows = table.read[:MOST]
    names = [column.name for column in table.columns]
    found = []
    for index, column in enumerate(table.columns):
        spared = column.name == _EXAMPLE and _COMMAND in names
        empty = index > 0 and all(row[index] in (None, "") for row in rows)
        if not spared and not empty and _low_of(column.name) not in names[:index]:
            found.append(_told(table.columns, index, rows))
    return found


def says_nothing(table: Table) -> bool:
    """No rows, or nothing in them but their names."""
    return not table.rows or (len(table.columns) > 1 and len(told(table)) < 2)


def more(table: Table) -> str:
    """What to say below a table that was cut short."""
    left = len(table.read) - MOST
    return f"and {left:,} more: -o json" if left > 0 else ""


def _told(columns: Sequence[Column], index: int, rows: Sequence[Sequence[Value]]) -> Told:
    column = columns[index]
    following = [each.name for each in columns[index + 1 : index + 3]]
    number = column.unit is not Unit.TEXT
    if following[:1] == [_high_of(column.name)]:
        ends = tuple(interval(row[index], row[index + 1], column.unit) for row in rows)
        return Told(column.name, column.title, True, ends, None)
    if len(following) == 2 and following[1] == _high_of(following[0]):
        cells = tuple(said_within(row[index], row[index + 1], row[index + 2], column.unit) for row in rows)
    else:
        cells = tuple("" if row[index] is None and not number else said(row[index], column.unit) for row in rows)
    return Told(column.name, column.title, number, cells, _bars([row[index] for row in rows]) if column.bars else None)


def _bars(values: Sequence[Value]) -> tuple[float, ...]:
    sizes = [max(0.0, float(value)) if isinstance(value, int | float) else 0.0 for value in values]
    top = max(sizes, default=0.0)
    return tuple(size / top if top > 0 else 0.0 for size in sizes)


def _high_of(name: str) -> str:
    """`points_high` of `points_low`; empty for a name that is no lower end."""
    return f"{name[:-3]}high" if name.endswith("low") else ""


def _low_of(name: str) -> str:
    return f"{name[:-4]}low" if name.endswith("high") else ""
