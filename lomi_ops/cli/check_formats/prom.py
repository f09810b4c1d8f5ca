"""Prometheus's text format."""

from __future__ import annotations

from collections.abc import Iterator

from lomi_ops.domain.check import Status
from lomi_ops.ops.checks.report import Report


def metrics(report: Report) -> str:
    """Where a profile holds it is a label: a collector takes no metric twice with the same labels."""
    return "\n".join([*_statuses(report), *_durations(report), *_numbers(report), *_run(report)])


def _statuses(report: Report) -> Iterator[str]:
    yield "# HELP lomi_check_status 1 for the status that the check has."
    yield "# TYPE lomi_check_status gauge"
    for result in report.results:
        for status in Status:
            spec = result.spec
            labels = _labels(report, check=spec.slug, id=spec.id, severity=spec.severity, status=status)
            yield f"lomi_check_status{labels} {int(result.status is status)}"


def _durations(report: Report) -> Iterator[str]:
    yield "# HELP lomi_check_duration_seconds How long the check took."
    yield "# TYPE lomi_check_duration_seconds gauge"
    for result in report.results:
        yield f"lomi_check_duration_seconds{_labels(report, check=result.spec.slug)} {result.duration_ms / 1000:.6g}"


def _numbers(report: Report) -> Iterator[str]:
    yield "# HELP lomi_check_value The number behind the check, in the unit that its name ends with."
    yield "# TYPE lomi_check_value gauge"
    for result in report.results:
        if metric := result.found.metric:
            yield f"lomi_check_value{_labels(report, check=result.spec.slug, name=metric.name)} {metric.value:.10g}"


def _run(report: Report) -> Iterator[str]:
    values = {
        "lomi_check_exit_code": ("The exit code of the run.", report.code),
        "lomi_check_run_timestamp_seconds": ("When the run began.", round(report.started.timestamp(), 3)),
        "lomi_check_run_duration_seconds": ("How long the run took.", round(report.duration_ms / 1000, 6)),
    }
    for name, (help_, value) in values.items():
        yield from (f"# HELP {name} {help_}", f"# TYPE {name} gauge", f"{name}{_labels(report)} {value}")


def _labels(report: Report, **values: str) -> str:
    whole = values | ({"profile": report.profile} if report.profile else {})
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in whole.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
