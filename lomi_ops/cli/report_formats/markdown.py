"""For a wiki or an issue: Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lomi_ops.cli.report_formats.cells import said
from lomi_ops.domain.report import Chart, Report, Shape, Table, Unit
from lomi_ops.domain.shown import shown
from lomi_ops.domain.spark import spark

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_WIDTH = 48


def page(report: Report) -> str:
    parts = [f"# {_plain(report.headline)}"]
    parts += ["\n".join(_table(table)) for table in report.tables]
    parts += ["\n".join(_chart(chart)) for chart in report.charts if chart.shape is not Shape.BARS and chart.labels]
    remarks = [*map(_plain, report.notes), *(f"{_plain(gap.what)}: `{gap.command}`" for gap in report.unknown)]
    if remarks:
        parts.append("\n".join(f"- {each}" for each in remarks))
    return "\n\n".join(parts)


def _table(table: Table) -> Iterator[str]:
    yield f"## {_plain(table.title)}\n"
    if not table.rows:
        yield _plain(table.empty)
        return
    yield _row(column.title for column in table.columns)
    yield _row("---" if column.unit is Unit.TEXT else "---:" for column in table.columns)
    for row in table.rows:
        yield _row(_plain(said(value, column.unit).strip()) for value, column in zip(row, table.columns, strict=True))


def _chart(chart: Chart) -> Iterator[str]:
    yield f"## {_plain(chart.title)}\n"
    yield "```text"
    top = max((value for line in chart.lines for value in line.values if value is not None), default=0.0)
    left = max((len(shown(line.name)) for line in chart.lines), default=0)
    for line in chart.lines:
        yield f"{shown(line.name).replace('```', '` ` `'):{left}}  {spark(line.values, _WIDTH, top=top)}"
    yield f"{'':{left}}  {chart.labels[0]} … {chart.labels[-1]}"
    yield "```"


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", shown(text))
