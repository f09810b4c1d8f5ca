"""How a run of checks is written, one module for each reader. All of them get the same `Report`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lomi_ops.ops.checks.report import Report

Writer = Callable[["Report"], str]


class CheckFormat(StrEnum):
    """What `-o` of `lomi check` takes."""

    TEXT = "text"
    SHORT = "short"
    """What is not well, the counts and the versions: to be pasted."""
    JSON = "json"
    JSONL = "jsonl"
    """A record for each check as it ends, then the summary."""
    JUNIT = "junit"
    NAGIOS = "nagios"
    PROM = "prom"
    """For node_exporter's textfile collector."""
    GITHUB = "github"
    """Annotations of a workflow."""


def writer(format_: CheckFormat) -> Writer:
    from lomi_ops.cli.check_formats import github, junit, nagios, prom, records, text

    writers: dict[CheckFormat, Writer] = {
        CheckFormat.TEXT: text.whole,
        CheckFormat.SHORT: text.short,
        CheckFormat.JSON: records.document,
        CheckFormat.JSONL: records.last_line,
        CheckFormat.JUNIT: junit.document,
        CheckFormat.NAGIOS: nagios.line,
        CheckFormat.PROM: prom.metrics,
        CheckFormat.GITHUB: github.commands,
    }
    return writers[format_]
