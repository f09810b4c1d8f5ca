"""One line with numbers, as Nagios, Icinga and their kin read it, and lines of detail behind it."""

from __future__ import annotations

from lomi_ops.cli.check_formats.records import detail
from lomi_ops.cli.diagnostics import scrubbed
from lomi_ops.domain.check import CheckResult, Metric, Status, to_do
from lomi_ops.ops.checks.report import Report

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def code(report: Report) -> int:
    """By Nagios's convention, which is not ours: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
    if report.failure is not None:
        return UNKNOWN
    if report.of(Status.FAIL):
        return CRITICAL
    if report.of(Status.UNKNOWN, Status.BLOCKED) or report.interrupted:
        return UNKNOWN
    return WARNING if report.of(Status.WARN) else OK


def line(report: Report) -> str:
    if report.failure is not None:
        return f"LOMI UNKNOWN - no check ran: {_plain(scrubbed(report.failure.message))}"
    urgent = list(reversed(to_do(report.results)))
    said = "; ".join(f"{each.spec.slug}: {_plain(detail(each))}" for each in urgent[:3])
    more = f" and {len(urgent) - 3} more" if len(urgent) > 3 else ""
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    head = f"LOMI {_WORDS[code(report)]} - {said + more or counts}"
    numbers = " ".join(_number(result) for result in report.results if result.found.metric)
    rest = [f"{each.status.value}: {each.spec.slug}: {_plain(detail(each))}" for each in urgent]
    return "\n".join([f"{head} | {numbers}" if numbers else head, *rest])


def _number(result: CheckResult) -> str:
    metric = result.found.metric
    assert isinstance(metric, Metric)
    limits = ";".join("" if limit is None else _decimal(limit) for limit in (metric.warn, metric.fail))
    unit = "s" if metric.name.endswith("_s") else ""
    return f"'{result.spec.slug}.{metric.name}'={_decimal(metric.value)}{unit};{limits}"


def _decimal(value: float) -> str:
    """Digits, a dot and a minus are all that there may be: no exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _plain(text: str) -> str:
    """The bar separates the numbers, a line break the detail."""
    return " ".join(text.replace("|", "/").split())
