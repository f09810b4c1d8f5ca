"""For programs: one JSON document."""

from __future__ import annotations

from typing import Any

from lomi_ops.cli import output
from lomi_ops.cli.output import Format
from lomi_ops.domain.report import Chart, Report, Table

_SECOND = frozenset({"summary", "quality", "thresholds"})
"""Kinds whose document had another shape before."""


def document(report: Report) -> str:
    return output.document_text(_body(report), schema=_schema(report))


def line(report: Report) -> str:
    return output.document_text(_body(report), schema=_schema(report), format_=Format.JSONL)


def _schema(report: Report) -> str:
    return f"lomi.report.{report.kind}/v{2 if report.kind in _SECOND else 1}"


def _body(report: Report) -> dict[str, Any]:
    return {
        "kind": report.kind,
        "title": report.title,
        "window": {"start": report.window.start, "end": report.window.end},
        "zone": report.zone,
        "figures": dict(report.figures),
        "tables": {table.name: _table(table) for table in report.tables},
        "charts": {chart.name: _chart(chart) for chart in report.charts},
        "notes": list(report.notes),
        "unknown": [{"what": gap.what, "command": gap.command} for gap in report.unknown],
    }


def _table(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.columns]
    return {
        "title": table.title,
        "columns": [{"name": each.name, "title": each.title, "unit": each.unit.value} for each in table.columns],
        "rows": [dict(zip(names, row, strict=True)) for row in table.rows],
    }


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "unit": chart.unit.value,
        "labels": list(chart.labels),
        "lines": {each.name: list(each.values) for each in chart.lines},
    }
