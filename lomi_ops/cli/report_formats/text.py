"""For a terminal: tables with bars, and lines of blocks for what changes with time."""

from __future__ import annotations

from collections.abc import Iterator

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.report_formats.cells import kept, said
from lomi_ops.domain.report import Chart, Report, Shape, Table, Unit
from lomi_ops.domain.shown import shown
from lomi_ops.domain.spark import spark

_BAR, _SPARK = 12, 48
_GLUE = "\0"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDE = 6
"""Tables with more columns leave out what can be looked up where the terminal is narrow."""
_SPARED = frozenset({"low", "high", "overturn_rate", "highest", "mean"})


def whole(report: Report) -> str:
    parts = [report.headline + ("" if report.zone == "UTC" else f"; labels: {report.zone}")]
    parts += [_table(table) for table in report.tables]
    parts += [drawn for chart in report.charts if (drawn := _chart(chart))]
    # A command is copied: it stays on one line.
    gaps = [f"{gap.what}: {gap.command.replace(' ', _GLUE)}" for gap in report.unknown]
    if remarks := [output.folded(each, 2, first=0).replace(_GLUE, " ") for each in (*report.notes, *gaps)]:
        parts.append("\n".join(remarks))
    return diagnostics.here("\n\n".join(parts))


def _table(table: Table) -> str:
    if not table.rows:
        return f"{table.title}: {table.empty}"
    cramped = _cramped(table)
    headers: list[str] = []
    columns: list[list[str]] = []
    right: list[int] = []
    for index in kept(table, _SPARED if cramped else frozenset()):
        column = table.columns[index]
        if column.unit is not Unit.TEXT:
            right.append(len(headers))
        headers.append(column.title)
        columns.append([shown(said(row[index], column.unit)) for row in table.rows])
        if column.bars and not cramped:
            headers.append("")
            columns.append(_bars([row[index] for row in table.rows]))
    rows = list(zip(*columns, strict=True))
    return f"{table.title}\n{output.table_text(headers, rows, right=right)}"


def _cramped(table: Table) -> bool:
    return len(table.columns) > _WIDE and output.narrow(100)


def _bars(values: list[str | int | float | None]) -> list[str]:
    numbers = [float(value) if isinstance(value, int | float) else 0.0 for value in values]
    top = max(numbers, default=0.0)
    return [_bar(number / top if top > 0 else 0.0) for number in numbers]


def _bar(share: float) -> str:
    """What is not nothing shows."""
    if share <= 0:
        return ""
    if output.ascii_only():
        return "#" * max(1, round(share * _BAR))
    eighths = max(1, round(share * _BAR * 8))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _chart(chart: Chart) -> str:
    """Percentiles stand in their table already."""
    top = max((value for line in chart.lines for value in line.values if value is not None), default=0.0)
    if chart.shape is Shape.BARS or top <= 0 or not chart.labels:
        return ""
    if chart.shape is Shape.HEAT and sum(any(line.values) for line in chart.lines) < 2:
        return ""  # one day: its hours stand above
    return "\n".join((chart.title, *(_heat(chart, top) if chart.shape is Shape.HEAT else _lines(chart, top))))


def _lines(chart: Chart, top: float) -> Iterator[str]:
    left = max(len(shown(line.name)) for line in chart.lines)
    width = min(_SPARK, len(chart.labels))
    for line in chart.lines:
        highest = max((value for value in line.values if value is not None), default=None)
        drawn = spark(line.values, width, top=top, plain=output.ascii_only())
        yield f"  {shown(line.name):{left}}  {drawn}  up to {said(highest, chart.unit)}"
    first, last = chart.labels[0], chart.labels[-1]
    yield f"  {'':{left}}  {first}" + ("" if len(chart.labels) == 1 else f" … {last}")


def _heat(chart: Chart, top: float) -> Iterator[str]:
    left = max(len(line.name) for line in chart.lines)
    for line in chart.lines:
        drawn = spark(line.values, len(chart.labels), top=top, plain=output.ascii_only())
        yield f"  {line.name:{left}}  {drawn}  {said(sum(value or 0 for value in line.values), chart.unit)}"
    yield f"  {'':{left}}  " + "".join(f"{label:6}" for label in chart.labels[::6])
