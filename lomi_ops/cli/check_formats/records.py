"""JSON: one document, or one line for each check. The shape only ever gains keys; docs/check.schema.json has it."""

from __future__ import annotations

import json
from typing import Any

from lomi_ops.cli import diagnostics
from lomi_ops.domain.check import CheckResult, Metric
from lomi_ops.errors import LomiError
from lomi_ops.ops.checks.report import Report

SCHEMA = "lomi.check/v1"


def document(report: Report) -> str:
    body = {"schema": SCHEMA, **_head(report), "checks": [record(result) for result in report.results]}
    return json.dumps(body, indent=2, ensure_ascii=False)


def one_line(result: CheckResult) -> dict[str, Any]:
    return {"event": "check", **record(result)}


def as_line(result: CheckResult) -> str:
    return json.dumps(one_line(result), ensure_ascii=False, separators=(",", ":"))


def last_line(report: Report) -> str:
    body = {"event": "summary", "schema": SCHEMA, **_head(report)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _head(report: Report) -> dict[str, Any]:
    return {
        "ok": report.code == 0,
        "exit_code": report.code,
        "version": report.version,
        "profile": report.profile,
        "started": report.started.isoformat(timespec="milliseconds"),
        "duration_ms": round(report.duration_ms, 1),
        "critical_path": list(report.critical_path),
        "green_at": report.green_at.isoformat(timespec="seconds") if report.green_at else None,
        "interrupted": report.interrupted,
        "error": _error(report.failure),
        "summary": report.counts,
    }


def _error(failure: LomiError | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    problems = [diagnostics.scrubbed(str(each)) for each in getattr(failure, "problems", ())]
    return {"message": diagnostics.scrubbed(failure.message), "problems": problems, "hint": failure.hint}


def record(result: CheckResult) -> dict[str, Any]:
    spec, found = result.spec, result.found
    return {
        "id": spec.id,
        "slug": spec.slug,
        "category": spec.category,
        "severity": spec.severity.value,
        "cost": spec.cost.value,
        "sentence": spec.sentence,
        "status": found.status.value,
        "detail": detail(result),
        "observed": diagnostics.scrubbed(found.observed),
        "expected": found.expected,
        "hint": found.hint,
        "fix": spec.fix,
        "help": f"lomi help {spec.id}",
        "needs": list(spec.needs),
        "metric": _metric(found.metric),
        "new": result.new,
        "attempts": result.attempts,
        "duration_ms": round(result.duration_ms, 1),
    }


def detail(result: CheckResult) -> str:
    """What failed is told in the words of servers and libraries."""
    return diagnostics.scrubbed(result.found.detail)


def _metric(metric: Metric | None) -> dict[str, Any] | None:
    if metric is None:
        return None
    return {"name": metric.name, "value": metric.value, "warn": metric.warn, "fail": metric.fail}
