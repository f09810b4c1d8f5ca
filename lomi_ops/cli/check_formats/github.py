"""Workflow commands of GitHub Actions: each trouble is an annotation on the run."""

from __future__ import annotations

from collections.abc import Iterator

from lomi_ops.cli.check_formats.records import detail
from lomi_ops.cli.check_formats.text import short
from lomi_ops.cli.diagnostics import scrubbed
from lomi_ops.domain.check import Status
from lomi_ops.ops.checks.report import Report

_LEVELS = {
    Status.FAIL: "error",
    Status.UNKNOWN: "error",
    Status.BLOCKED: "notice",
    Status.WARN: "warning",
    Status.SUPPRESSED: "notice",
}


def commands(report: Report) -> str:
    return "\n".join([*_lines(report), short(report).splitlines()[-1]])


def _lines(report: Report) -> Iterator[str]:
    if report.failure is not None:
        yield f"::error title=lomi check::{_data(scrubbed(report.failure.message))}"
    for result in report.results:
        if level := _LEVELS.get(result.status):
            title = f"{result.spec.id} {result.spec.slug}"
            hint = f"\n{result.hint}" if result.status is not Status.BLOCKED else ""
            yield f"::{level} title={_property(title)}::{_data(detail(result) + hint)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
