"""The lines of a chart as people read them: not more than they can tell apart, and their names not longer than a word
or two."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.domain.report import Chart, Line, Shape
from lomi_ops.domain.shown import shown

_MOST = 8
_NAME = 24
"""Columns."""


def few(chart: Chart) -> tuple[Line, ...]:
    """The largest ones in their order; where lines add up, the rest as one."""
    if len(chart.lines) <= _MOST or chart.shape is Shape.HEAT:
        return chart.lines
    largest = sorted(range(len(chart.lines)), key=lambda place: (-_sum(chart.lines[place].values), place))
    kept = set(largest[: _MOST - 1 if chart.shape is Shape.STACK else _MOST])
    lines = tuple(line for place, line in enumerate(chart.lines) if place in kept)
    if chart.shape is not Shape.STACK:
        return lines
    rest = [line for place, line in enumerate(chart.lines) if place not in kept]
    return (*lines, Line(f"{len(rest)} others", _added([line.values for line in rest])))


def named(line: Line) -> str:
    return clipped(shown(line.name), _NAME)


def clipped(text: str, columns: int) -> str:
    """At most so many columns of a terminal, in which some signs take two."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= columns else set_cell_size(text, columns - 1).rstrip() + "…"


def padded(text: str, columns: int) -> str:
    from rich.cells import cell_len

    return text + " " * (columns - cell_len(text))


def widest(names: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, names), default=0)


def _sum(values: Sequence[float | None]) -> float:
    return sum(value or 0 for value in values)


def _added(lines: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    """Unknown only where none is known."""
    return tuple(
        None if all(value is None for value in column) else _sum(column) for column in zip(*lines, strict=True)
    )
