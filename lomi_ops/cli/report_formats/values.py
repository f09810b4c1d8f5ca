"""For spreadsheets and programs: CSV with a line for each value, so that one header fits all kinds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from lomi_ops.cli import output
from lomi_ops.domain.report import Report, Unit, Value
from lomi_ops.domain.shown import shown

_HEADER = ("part", "row", "label", "column", "value", "unit")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run."""


def lines(report: Report) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows([_cell(each) for each in row] for row in _values(report))
    return file.getvalue()


def _values(report: Report) -> Iterator[tuple[Value, ...]]:
    for number, (name, figure) in enumerate(report.figures.items()):
        yield "figures", number, name, name, figure, Unit.NUMBER.value
    for table in report.tables:
        for number, row in enumerate(table.rows):
            for column, value in zip(table.columns, row, strict=True):
                yield table.name, number, row[0], column.name, value, column.unit.value
    for chart in report.charts:
        for line in chart.lines:
            for number, (label, value) in enumerate(zip(chart.labels, line.values, strict=True)):
                yield f"chart:{chart.name}", number, label, line.name, value, chart.unit.value


def _cell(value: Value) -> Value:
    """What is text stays text in a spreadsheet; a terminal is shown what it would obey."""
    if isinstance(value, str) and output.on_terminal():
        value = shown(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
