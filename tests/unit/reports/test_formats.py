"""One report in every format: the same numbers, and odd words that do no harm."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.report_formats import ReportFormat, cells, format_for, writer
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Shape, Table, Unit
from lomi_ops.domain.window import Window

START = datetime(2026, 11, 19, tzinfo=UTC)
ODD = ("=cmd|'/c calc'!A1", "a|b", "<script>x</script>", "line\nbreak", "ብዥ ነው", "\x1b[31mred", "`tick`", "", '"q",;')
REPORT = Report(
    "rejections",
    "Photos uploaded and rejected",
    Window(START, START + timedelta(days=1)),
    "UTC",
    {"rejection_rate": 0.25, "processing_ms": None},
    (
        Table(
            "reasons",
            "By reason",
            (Column("reason", "reason"), Column("photos", "photos", Unit.COUNT, bars=True),
             Column("share", "share", Unit.SHARE)),
            tuple((reason, 1000 + number, number / 7) for number, reason in enumerate(ODD)),
        ),
        Table("none", "Nothing here", (Column("a", "a"),), (), "nobody came"),
    ),
    (
        Chart("trend", "by hour", Unit.COUNT, ("00:00", "01:00"),
              tuple(Line(reason, (number, None)) for number, reason in enumerate(ODD)), Shape.STACK),
        Chart("week", "week", Unit.COUNT, ("00", "01"), (Line("Mon", (1, 2)), Line("Tue", (0, 3))), Shape.HEAT),
    ),
    ("a note",),
    (Gap("old workers do not register", "lomi worker"),),
)  # fmt: skip
EMPTY = Report("summary", "Photos uploaded", REPORT.window, "UTC")


def written(format_: ReportFormat, report: Report = REPORT) -> str:
    diagnostics.start()  # an earlier test's command may have had a profile, which commands in a text repeat
    return writer(format_)(report)


def values() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written(ReportFormat.CSV))))


def test_json_and_csv_have_the_same_values() -> None:
    body = json.loads(written(ReportFormat.JSON))
    rows = body["tables"]["reasons"]["rows"]

    assert [row["reason"] for row in rows] == list(ODD)
    in_csv = [row for row in values() if row["part"] == "reasons"]
    assert [int(row["value"]) for row in in_csv if row["column"] == "photos"] == [row["photos"] for row in rows]
    assert [float(row["value"]) for row in in_csv if row["column"] == "share"] == [row["share"] for row in rows]
    assert body["figures"] == {"rejection_rate": 0.25, "processing_ms": None}
    assert [row["value"] for row in values() if row["part"] == "figures"] == ["0.25", ""]
    assert body["charts"]["trend"]["lines"]["a|b"] == [1, None]
    assert json.loads(written(ReportFormat.JSONL)) == body


def test_no_word_becomes_a_formula_of_a_spreadsheet() -> None:
    reasons = [row["value"] for row in values() if row["column"] == "reason"]

    assert reasons[0] == "'" + ODD[0]
    assert reasons[1:] == list(ODD[1:])


def test_a_terminal_gets_no_control_characters_in_csv_and_a_file_gets_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_is_terminal", lambda: True)

    assert "\x1b" not in written(ReportFormat.CSV)
    assert "\\x1b[31mred" in written(ReportFormat.CSV)
    monkeypatch.undo()
    assert "\x1b[31mred" in written(ReportFormat.CSV)


def test_a_row_of_markdown_stays_a_row() -> None:
    lines = written(ReportFormat.MARKDOWN).splitlines()
    table = [line for line in lines if line.startswith("| ")]

    assert len(table) == 2 + len(ODD)
    assert all(line.replace("\\|", "").count("|") == 4 for line in table)
    assert "\\<script\\>" in "\n".join(table)
    assert "\x1b" not in "\n".join(lines)
    assert "nobody came" in lines
    assert "- old workers do not register: `lomi worker`" in lines


def test_a_terminal_is_shown_what_it_would_otherwise_obey() -> None:
    said = written(ReportFormat.TEXT)

    assert "\\x1b[31mred" in said
    assert "\x1b" not in said
    assert "line\\nbreak" in said
    assert "Nothing here: nobody came" in said
    assert said.endswith("old workers do not register: lomi worker")


def test_bars_are_as_long_as_their_numbers_and_ascii_where_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("t", "t", (Column("n", "n"), Column("v", "v", Unit.COUNT, bars=True)),
                  (("most", 1200), ("half", 600), ("hardly", 1), ("none", 0)))  # fmt: skip
    report = Report("summary", "x", REPORT.window, "UTC", {}, (table,))
    lines = written(ReportFormat.TEXT, report).splitlines()
    assert [line.count("█") for line in lines[-4:]] == [12, 6, 0, 0]
    assert lines[-2].endswith("▏")

    monkeypatch.setenv("LOMI_ASCII", "1")
    assert written(ReportFormat.TEXT, report).isascii()


@pytest.mark.parametrize("format_", sorted(set(ReportFormat) - {ReportFormat.HTML}))
def test_a_report_of_nothing_can_be_written_and_twice_alike(format_: ReportFormat) -> None:
    assert written(format_, EMPTY) == written(format_, EMPTY)
    assert written(format_) == written(format_)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, Unit.COUNT, "-"), ("word", Unit.TEXT, "word"), (1234, Unit.COUNT, "1,234"), (0.256, Unit.SHARE, "25.6%"),
        (0.5, Unit.CHANGE, "+50%"), (-0.25, Unit.CHANGE, "-25%"), (180.4, Unit.MS, "180 ms"), (3165, Unit.MS, "3.2 s"),
        (0.42, Unit.MS, "0.4 ms"), (5.0, Unit.MS, "5 ms"), (9.97, Unit.MS, "10 ms"), (0, Unit.MS, "0 ms"),
        (5.25, Unit.SECONDS, "5.2 s"), (7200, Unit.SECONDS, "2.0 h"), (512, Unit.BYTES, "512 B"),
        (3 * 1024**3, Unit.BYTES, "3.0 GiB"), (4.856, Unit.NUMBER, "4.86"), (50.0, Unit.NUMBER, "50"),
    ],
)  # fmt: skip
def test_numbers_are_said_as_people_read_them(value: float | str | None, unit: Unit, expected: str) -> None:
    assert cells.said(value, unit) == expected


def test_the_name_of_a_file_says_how_it_is_written() -> None:
    assert format_for(Path("x/report.CSV")) is ReportFormat.CSV
    assert format_for(Path("report.md")) is ReportFormat.MARKDOWN
    assert format_for(Path("report")) is format_for(None) is ReportFormat.TEXT
