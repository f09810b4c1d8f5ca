"""One run, eight ways to write it: each valid by its own rules, all of one mind about how it ended."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given

from lomi_ops.cli.check_formats import CheckFormat, github, junit, nagios, prom, records, text, writer
from lomi_ops.domain.check import CheckResult, Severity, Status
from lomi_ops.ops.checks.catalogue import SPECS
from lomi_ops.ops.checks.report import Report
from tests.unit.check import strict
from tests.unit.check.reports import NOW, reports

ORDER = [Status.WARN, Status.UNKNOWN, Status.FAIL]
TROUBLE = {Status.WARN, Status.FAIL, Status.UNKNOWN}


@given(reports())
def test_json_is_one_document_of_its_schema(report: Report) -> None:
    document = json.loads(records.document(report))

    assert strict.faults(document, strict.SCHEMA) == []
    assert document["exit_code"] == report.code
    assert document["ok"] == (report.code == 0)
    assert [check["status"] for check in document["checks"]] == [each.status for each in report.results]
    assert document["summary"] == report.counts


@given(reports())
def test_jsonl_has_the_same_records_one_on_a_line_and_the_summary_last(report: Report) -> None:
    lines = [*map(records.as_line, report.results), records.last_line(report)]
    *checks, last = [json.loads(line) for line in lines]

    assert all("\n" not in line for line in lines)
    document = json.loads(records.document(report))
    assert checks == [{"event": "check", **check} for check in document["checks"]]
    del document["checks"]
    assert last == {"event": "summary", **document}


@given(reports())
def test_junit_parses_and_its_totals_are_those_of_its_cases(report: Report) -> None:
    root = ElementTree.fromstring(junit.document(report))

    cases = list(root.iter("testcase"))
    assert len(cases) == len(report.results) + (report.failure is not None)
    for place in (root, *root.iter("testsuite")):
        inside = list(place.iter("testcase"))
        assert int(place.get("tests", "")) == len(inside)
        for total, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(place.get(total, "0")) == sum(case.find(kind) is not None for case in inside)
    failures, errors = (int(root.get(name, "0")) for name in ("failures", "errors"))
    if not report.interrupted:
        assert (failures + errors > 0) == (report.code != 0)


@given(reports())
def test_prom_is_understood_and_tells_every_status_once(report: Report) -> None:
    samples = strict.metrics(prom.metrics(report))

    assert samples["lomi_check_exit_code", ()] == report.code
    for result in report.results:
        said = {
            dict(labels)["status"]: value for (name, labels), value in samples.items()
            if name == "lomi_check_status" and ("check", result.spec.slug) in labels
        }  # fmt: skip
        assert said == {status.value: float(status is result.status) for status in Status}


@given(reports())
def test_nagios_is_one_line_with_numbers_and_says_what_its_code_says(report: Report) -> None:
    word, numbers, rest = strict.nagios(nagios.line(report))

    assert ("OK", "WARNING", "CRITICAL", "UNKNOWN").index(word) == nagios.code(report)
    assert len(numbers) == sum(result.found.metric is not None for result in report.results)
    if report.failure is None:
        assert len(rest) == sum(result.status in TROUBLE for result in report.results)


@given(reports())
def test_nagios_and_the_shell_are_of_one_mind(report: Report) -> None:
    code = nagios.code(report)
    if report.failure is not None:
        assert code == nagios.UNKNOWN
    elif not report.interrupted:
        assert (code == nagios.CRITICAL) == (report.code == 1)
        assert (code == nagios.UNKNOWN) == (report.code == 3)
        assert (code in (nagios.OK, nagios.WARNING)) == (report.code in (0, 4))


@given(reports())
def test_github_gets_every_trouble_as_it_is_and_no_command_of_somebody_else(report: Report) -> None:
    commands, others = strict.github(github.commands(report))

    if report.failure is not None:
        assert [level for level, _, _ in commands] == ["error"]
        return
    told = [each for each in report.results if each.status not in (Status.PASS, Status.SKIP)]
    assert [about["title"] for _, about, _ in commands] == [f"{each.spec.id} {each.spec.slug}" for each in told]
    assert len(others) == 1
    errors = sum(level == "error" for level, _, _ in commands)
    assert errors == sum(each.status in (Status.FAIL, Status.UNKNOWN) for each in told)


@given(reports())
def test_short_has_a_line_for_each_trouble_and_each_cause_of_blocked_ones_and_one_with_the_counts(
    report: Report,
) -> None:
    said = text.short(report)

    assert f"lomi {report.version}" in said.splitlines()[-1]
    if report.failure is None:
        told = [each for each in report.results if each.status not in (Status.PASS, Status.SKIP, Status.BLOCKED)]
        causes = {" ".join(records.detail(each).split()) for each in report.of(Status.BLOCKED)}
        assert len(said.splitlines()) == len(told) + len(causes) + 1


@given(reports())
def test_text_says_what_is_to_be_done_the_most_urgent_last(report: Report) -> None:
    lines = text.whole(report).splitlines()

    troubled = [each for each in report.results if each.status in TROUBLE]
    if troubled:
        urgent = max(troubled, key=lambda each: ORDER.index(each.status))
        *_, help_line, empty, counts = lines
        assert (help_line.rpartition(" ")[2], empty) == (next_to(urgent, troubled).spec.id, "")
        assert counts.startswith(f"{len(report.results)} check")


def next_to(urgent: CheckResult, troubled: list[CheckResult]) -> CheckResult:
    """The last one of the same urgency."""
    return [each for each in troubled if each.status is urgent.status][-1]


@given(reports())
def test_whatever_is_written_can_be_written(report: Report) -> None:
    for format_ in CheckFormat:
        writer(format_)(report).encode("utf-8", "backslashreplace")


# --- the schema -------------------------------------------------------------------------------------------------------


def test_the_schema_is_of_the_version_that_is_written_and_takes_more_keys() -> None:
    assert strict.SCHEMA["properties"]["schema"]["const"] == records.SCHEMA
    assert strict.faults({}, strict.SCHEMA) == [f"$.{name} is missing" for name in strict.SCHEMA["required"]]


def test_the_schema_names_every_status_and_every_severity() -> None:
    check = strict.SCHEMA["$defs"]["check"]["properties"]

    assert check["status"]["enum"] == [status.value for status in Status]
    assert set(strict.SCHEMA["properties"]["summary"]["required"]) == {status.value for status in Status}
    assert check["severity"]["enum"] == [severity.value for severity in Severity]


def test_every_check_there_is_has_an_id_and_a_slug_that_the_schema_takes() -> None:
    check = strict.SCHEMA["$defs"]["check"]["properties"]

    wrong = [spec.id for spec in SPECS if not re.search(check["id"]["pattern"], spec.id)]
    wrong += [spec.slug for spec in SPECS if strict.faults(spec.slug, check["slug"])]
    assert wrong == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"exit_code": "0"}, "$.exit_code is no integer"), ({"ok": 1}, "$.ok is no boolean"),
        ({"schema": "lomi.check/v2"}, "$.schema is not lomi.check/v1"), ({"checks": [{}]}, "$.checks[0].id is missing"),
        ({"duration_ms": -1}, "$.duration_ms is below 0"), ({"started": "yesterday"}, "$.started does not match"),
    ],
)  # fmt: skip
def test_a_document_that_is_not_of_the_schema_is_noticed(change: dict[str, object], fault: str) -> None:
    fine = json.loads(records.document(Report(NOW, 1.0, (), "0.1.0")))
    assert strict.faults(fine, strict.SCHEMA) == []

    assert any(said.startswith(fault) for said in strict.faults(fine | change, strict.SCHEMA))


def test_the_page_about_checks_points_at_the_schema() -> None:
    assert "check.schema.json" in (Path(__file__).parents[3] / "docs" / "check.md").read_text()
