"""For a wiki or an issue: Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lomi_ops.cli.report_formats.columns import more, says_nothing, told
from lomi_ops.cli.report_formats.lines import few, named, padded, widest
from lomi_ops.domain.report import Chart, Report, Shape, Table
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
    if says_nothing(table):
        yield _plain(table.empty)
        return
    columns = told(table)
    yield _row(column.title for column in columns)
    yield _row("---:" if column.number else "---" for column in columns)
    for row in zip(*(column.cells for column in columns), strict=True):
        yield _row(_plain(cell.strip()) for cell in row)
    if more(table):
        yield f"\n{more(table)}"


def _chart(chart: Chart) -> Iterator[str]:
    yield f"## {_plain(chart.title)}\n"
    yield "```text"
    lines = few(chart)
    top = max((value for line in lines for value in line.values if value is not None), default=0.0)
    names = [named(line).replace("```", "` ` `") for line in lines]
    left = widest(names)
    for name, line in zip(names, lines, strict=True):
        yield f"{padded(name, left)}  {spark(line.values, _WIDTH, top=top)}"
    yield f"{'':{left}}  {chart.labels[0]} … {chart.labels[-1]}"
    yield "```"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", shown(text))
