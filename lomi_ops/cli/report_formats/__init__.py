"""How a report is written, one module for each reader. All of them get the same `Report`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lomi_ops.domain.report import Report

Writer = Callable[["Report"], str]


class ReportFormat(StrEnum):
    """What `-o` of `lomi report` takes."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    """A line for each value."""
    MARKDOWN = "markdown"
    HTML = "html"
    """One file with its charts in it; needs the extra `charts`."""


_BY_SUFFIX = {
    ".json": ReportFormat.JSON,
    ".jsonl": ReportFormat.JSONL,
    ".csv": ReportFormat.CSV,
    ".md": ReportFormat.MARKDOWN,
    ".html": ReportFormat.HTML,
}


def format_for(path: Path | None) -> ReportFormat:
    """What a file's name asks for."""
    return _BY_SUFFIX.get(path.suffix.lower(), ReportFormat.TEXT) if path else ReportFormat.TEXT


def writer(format_: ReportFormat) -> Writer:
    from lomi_ops.cli.report_formats import markdown, page, records, text, values

    writers: dict[ReportFormat, Writer] = {
        ReportFormat.TEXT: text.whole,
        ReportFormat.JSON: records.document,
        ReportFormat.JSONL: records.line,
        ReportFormat.CSV: values.lines,
        ReportFormat.MARKDOWN: markdown.page,
        ReportFormat.HTML: page.whole,
    }
    return writers[format_]
