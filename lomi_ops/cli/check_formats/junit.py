"""JUnit's XML, as CI servers read it: a suite for each category."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from lomi_ops.cli.check_formats.records import detail
from lomi_ops.cli.diagnostics import scrubbed
from lomi_ops.domain.check import CheckResult, Status
from lomi_ops.ops.checks.report import Report

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ERRORS = frozenset({Status.UNKNOWN, Status.BLOCKED})
_SKIPPED = frozenset({Status.SKIP, Status.SUPPRESSED})


def document(report: Report) -> str:
    root = ElementTree.Element(
        "testsuites", {"name": "lomi check", "time": _time(report.results), **_totals(report, report.results)}
    )
    for category, each in groupby(report.results, lambda result: result.spec.category):
        results = list(each)
        about = {"name": category, "time": _time(results), "timestamp": f"{report.started:%Y-%m-%dT%H:%M:%S}"}
        suite = ElementTree.SubElement(root, "testsuite", about | _totals(report, results))
        for result in results:
            _case(suite, report, result)
    if report.failure is not None:
        root.attrib |= {"tests": "1", "errors": "1"}
        _never_ran(root, scrubbed(report.failure.message))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _case(suite: ElementTree.Element, report: Report, result: CheckResult) -> None:
    spec = result.spec
    case = ElementTree.SubElement(
        suite, "testcase", name=f"{spec.id} {spec.sentence}", classname=f"lomi.{spec.slug}", time=_time([result])
    )
    text = f"{_xml(detail(result))}\n{_xml(result.hint)}\nlomi help {spec.id}"
    kind = _kind(report, result)
    if kind is not None:
        told = {} if kind == "skipped" else {"type": result.status.value}
        ElementTree.SubElement(case, kind, {"message": _xml(detail(result)), **told}).text = text
    else:
        ElementTree.SubElement(case, "system-out").text = _xml(detail(result))


def _never_ran(root: ElementTree.Element, why: str) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name="lomi check", tests="1", errors="1")
    case = ElementTree.SubElement(suite, "testcase", name="the checks run", classname="lomi.check")
    ElementTree.SubElement(case, "error", message=_xml(why))


def _kind(report: Report, result: CheckResult) -> str | None:
    if result.status is Status.FAIL or (result.status is Status.WARN and report.fail_on_warning):
        return "failure"
    if result.status in _ERRORS:
        return "error"
    return "skipped" if result.status in _SKIPPED else None


def _totals(report: Report, results: Sequence[CheckResult]) -> dict[str, str]:
    kinds = Counter(_kind(report, result) for result in results)
    counts = {
        "tests": len(results),
        "failures": kinds["failure"],
        "errors": kinds["error"],
        "skipped": kinds["skipped"],
    }
    return {name: str(count) for name, count in counts.items()}


def _time(results: Sequence[CheckResult]) -> str:
    return f"{sum(result.duration_ms for result in results) / 1000:.3f}"


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot carry."""
    return _FORBIDDEN.sub("", text)
