"""For a terminal: tables with bars, and lines of blocks for what changes with time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.report_formats.cells import said
from lomi_ops.cli.report_formats.columns import Told, more, says_nothing, told
from lomi_ops.cli.report_formats.lines import clipped, few, named, padded, widest
from lomi_ops.domain.report import Chart, Report, Shape, Table
from lomi_ops.domain.shown import shown
from lomi_ops.domain.spark import spark

_BAR, _SPARK = 12, 48
_GLUE = "\0"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_GAP = 2
_NAME = 40
"""Columns of a terminal for what a row is called."""
_PROSE = frozenset({"text"})
"""Columns that are folded where there is little room."""
_LEAST = 14
_BARS = "bars"
_COMMAND = "command"
_SHED: tuple[frozenset[str], ...] = (
    frozenset({"mean", "highest"}),
    frozenset({"overturn_rate", "other_reason", "first"}),
    frozenset({_COMMAND}),
    frozenset({_BARS}),
    frozenset({"busy", "number_before", "by_chance"}),
    frozenset({"note", "low", "high"}),
    frozenset({"points_low", "points_high", "last"}),
)
"""What a table leaves out, step by step, until it fits; commands stand below it then."""


def whole(report: Report) -> str:
    headline = report.headline + ("" if report.zone == "UTC" else f"; labels:{_GLUE}{report.zone}")
    parts = [output.folded(headline, 2, first=0).replace(_GLUE, " ")]
    parts += [_table(table) for table in report.tables]
    parts += [drawn for chart in report.charts if (drawn := _chart(chart))]
    # A command is copied: it stays on one line.
    gaps = [f"{gap.what}: {gap.command.replace(' ', _GLUE)}" for gap in report.unknown]
    if remarks := [output.folded(each, 2, first=0).replace(_GLUE, " ") for each in (*report.notes, *gaps)]:
        parts.append("\n".join(remarks))
    return diagnostics.here("\n\n".join(parts))


def _table(table: Table) -> str:
    if says_nothing(table):
        return f"{table.title}: {table.empty}"
    columns = told(table)
    fitting, bars = _fitting(columns)
    headers: list[str] = []
    cells: list[Sequence[str]] = []
    right: list[int] = []
    for column in fitting:
        if column.number:
            right.append(len(headers))
        headers.append(column.title)
        cells.append(_cells(column, first=column is columns[0]))
        if column.bars is not None and bars:
            headers.append("")
            cells.append([_bar(share) for share in column.bars])
    prose = (-1,) if fitting[-1].name in _PROSE else ()
    drawn = output.table_text(headers, list(zip(*cells, strict=True)), right=right, prose=prose)
    below = [] if any(each.name == _COMMAND for each in fitting) else _commands(columns)
    return "\n".join((table.title, drawn, *([more(table)] if more(table) else []), *below))


def _fitting(columns: list[Told]) -> tuple[list[Told], bool]:
    """The columns that there is room for, and whether there is room for bars, too."""
    bars = True
    for shed in (frozenset[str](), *_SHED):
        columns = [columns[0], *(each for each in columns[1:] if each.name not in shed)]
        bars = bars and _BARS not in shed
        if not output.narrow(_width(columns, bars=bars)):
            break
    return columns, bars


def _width(columns: Sequence[Told], *, bars: bool) -> int:
    room = 0
    for place, each in enumerate(columns):
        wide = widest([each.title, *_cells(each, first=place == 0)])
        folds = each.name in _PROSE and place == len(columns) - 1
        room += (min(wide, _LEAST) if folds else wide) + _GAP
        room += _BAR + _GAP if bars and each.bars is not None else 0
    return room - _GAP


def _cells(column: Told, *, first: bool) -> list[str]:
    cells = [shown(cell) for cell in column.cells]
    return [clipped(cell, _NAME) for cell in cells] if first and output.on_terminal() else cells


def _commands(columns: Sequence[Told]) -> list[str]:
    """Below a table without room for them: each to be copied, with what it is about as a comment of the shell."""
    found = {each.name: each.cells for each in columns}
    if _COMMAND not in found:
        return []
    about = found.get("cause", columns[0].cells)
    commands = [shown(command) for command in found[_COMMAND]]
    wide = widest(commands)
    return [
        "",
        *(f"  {padded(each, wide)}  # {clipped(shown(why), 20)}" for each, why in zip(commands, about, strict=True)),
    ]


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
    top = max((value for line in few(chart) for value in line.values if value is not None), default=0.0)
    if chart.shape is Shape.BARS or top <= 0 or not chart.labels:
        return ""
    if chart.shape is Shape.HEAT and sum(any(line.values) for line in chart.lines) < 2:
        return ""  # one day: its hours stand above
    return "\n".join((chart.title, *(_heat(chart, top) if chart.shape is Shape.HEAT else _lines(chart, top))))


def _lines(chart: Chart, top: float) -> Iterator[str]:
    left = widest([named(line) for line in few(chart)])
    width = min(_SPARK, len(chart.labels))
    for line in few(chart):
        drawn = spark(line.values, width, top=top, plain=output.ascii_only())
        yield f"  {padded(named(line), left)}  {drawn}  {_range(chart, line.values)}"
    first, last = chart.labels[0], chart.labels[-1]
    yield f"  {'':{left}}  {first}" + ("" if len(chart.labels) == 1 else f" … {last}")


def _range(chart: Chart, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known or min(known) == max(known):
        return said(max(known, default=None), chart.unit)
    return f"{said(min(known), chart.unit)} to {said(max(known), chart.unit)}"


def _heat(chart: Chart, top: float) -> Iterator[str]:
    left = max(len(line.name) for line in chart.lines)
    for line in chart.lines:
        drawn = spark(line.values, len(chart.labels), top=top, plain=output.ascii_only())
        yield f"  {line.name:{left}}  {drawn}  {said(sum(value or 0 for value in line.values), chart.unit)} in all"
    yield f"  {'':{left}}  " + "".join(f"{label:6}" for label in chart.labels[::6]).rstrip()
