"""For a browser or a mail: one HTML file with its charts in it, that asks nobody for anything."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.cli import diagnostics
from lomi_ops.cli.report_formats.cells import kept, said
from lomi_ops.cli.report_formats.charts import svg
from lomi_ops.domain.report import Column, Gap, Report, Table, Unit, Value
from lomi_ops.domain.shown import shown


@dataclass(frozen=True, slots=True)
class _Head:
    title: str
    number: bool
    bars: bool


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    number: bool
    bar: float | None
    """Percent of the widest; None where its column has no bars."""


@dataclass(frozen=True, slots=True)
class _Grid:
    title: str
    empty: str
    heads: tuple[_Head, ...]
    rows: tuple[tuple[_Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    title: str
    svg: str


def whole(report: Report) -> str:
    from lomi_ops import templating

    charts = [
        _Drawn(chart.title, svg(chart, f"c{number}"))
        for number, chart in enumerate(report.charts)
        if chart.labels and chart.lines
    ]
    known = [Gap(gap.what, diagnostics.here(gap.command)) for gap in report.unknown]
    values = {"headline": report.headline, "zone": report.zone, "notes": report.notes, "unknown": known}
    tables = [_grid(table) for table in report.tables]
    return (
        templating.for_html("reports")
        .get_template("report.html.j2")
        .render(report=values, tables=tables, charts=charts)
    )


def _grid(table: Table) -> _Grid:
    columns = [(index, table.columns[index]) for index in kept(table)]
    heads = tuple(_Head(each.title, each.unit is not Unit.TEXT, each.bars) for _, each in columns)
    tops = {index: max((_size(row[index]) for row in table.rows), default=0.0) for index, _ in columns}
    rows = tuple(tuple(_cell(row[index], column, tops[index]) for index, column in columns) for row in table.rows)
    return _Grid(table.title, table.empty, heads, rows)


def _cell(value: Value, column: Column, top: float) -> _Cell:
    bar = round(100 * _size(value) / top, 1) if column.bars and top > 0 else 0.0 if column.bars else None
    return _Cell(shown(said(value, column.unit)), column.unit is not Unit.TEXT, bar)


def _size(value: Value) -> float:
    return max(0.0, float(value)) if isinstance(value, int | float) else 0.0
