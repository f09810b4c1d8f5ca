"""For a browser or a mail: one HTML file with its charts in it, that asks nobody for anything."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.cli import diagnostics
from lomi_ops.cli.report_formats.charts import svg
from lomi_ops.cli.report_formats.columns import more, says_nothing, told
from lomi_ops.domain.report import Gap, Report, Table
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
    more: str
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
    if says_nothing(table):
        return _Grid(table.title, table.empty, "", (), ())
    columns = told(table)
    heads = tuple(_Head(each.title, each.number, each.bars is not None) for each in columns)
    cells = [
        tuple(_Cell(shown(text), each.number, _percent(each.bars, place)) for place, text in enumerate(each.cells))
        for each in columns
    ]
    return _Grid(table.title, table.empty, more(table), heads, tuple(zip(*cells, strict=True)))


def _percent(bars: tuple[float, ...] | None, place: int) -> float | None:
    return None if bars is None else round(100 * bars[place], 1)
