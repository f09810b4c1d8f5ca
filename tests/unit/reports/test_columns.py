"""Tables and charts as people read them: as much as fits, as exact as it is known, nothing twice."""

from __future__ import annotations

import re

import pytest

from lomi_ops.cli import output
from lomi_ops.cli.report_formats import ReportFormat
from lomi_ops.cli.report_formats.cells import interval, said_within
from lomi_ops.cli.report_formats.columns import MOST, says_nothing, told
from lomi_ops.cli.report_formats.lines import clipped, few, widest
from lomi_ops.domain.report import Chart, Column, Line, Report, Shape, Table, Unit, Value
from tests.unit.reports.test_formats import REPORT, written

RATES = (Column("what", "what"), Column("now", "rate", Unit.SHARE), Column("low", "95 %", Unit.SHARE),
         Column("high", "to", Unit.SHARE), Column("points", "points", Unit.POINTS),
         Column("points_low", "95 %", Unit.POINTS), Column("points_high", "to", Unit.POINTS))  # fmt: skip
ID = "5f377891-e10a-eab1-0d32-007013fbfc65"


def table(columns: tuple[Column, ...], *rows: tuple[Value, ...]) -> Table:
    return Table("t", "title", columns, rows, "nothing happened")


def text_of(*parts: Table | Chart) -> str:
    tables = tuple(each for each in parts if isinstance(each, Table))
    charts = tuple(each for each in parts if isinstance(each, Chart))
    said = written(ReportFormat.TEXT, Report("summary", "x", REPORT.window, "UTC", {}, tables, charts))
    return re.sub(r"\x1b\[\d*m", "", said)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    monkeypatch.setattr(output, "_is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def test_both_ends_of_an_interval_stand_in_one_column() -> None:
    found = told(table(RATES, ("rejected", 0.246, 0.235, 0.2575, 0.02, 0.004, -0.0001)))

    assert [each.title for each in found] == ["what", "rate", "95 %", "points", "95 %"]
    assert [each.cells for each in found[1:]] == [("24.6%",), ("23.5 - 25.8%",), ("+2.0",), ("+0.4 to 0.0",)]


@pytest.mark.parametrize(
    ("value", "low", "high", "share", "ends"),
    [(1.0, 0.32, 1.0, "100%", "32 - 100%"), (1.0, 0.851, 1.0, "100.0%", "85.1 - 100%"), (None, None, None, "-", "-")],
)
def test_a_share_of_three_photos_has_no_decimals(
    value: float | None, low: float | None, high: float | None, share: str, ends: str
) -> None:
    assert said_within(value, low, high, Unit.SHARE) == share
    assert interval(low, high, Unit.SHARE) == ends


def test_a_table_whose_rows_have_nothing_but_names_says_so_in_words() -> None:
    nothing = table(RATES, ("rejected", *[None] * 6), ("failed", *[None] * 6))

    assert says_nothing(nothing)
    assert text_of(nothing).endswith("title: nothing happened")
    assert not says_nothing(table((Column("a", "a"),), ("word",)))


def test_nobody_reads_a_thousand_rows_and_a_program_gets_them_all() -> None:
    rows = tuple((f"reason {number}", 1000 - number) for number in range(1000))
    long = table((Column("reason", "reason"), Column("photos", "photos", Unit.COUNT)), *rows)
    report = Report("summary", "x", REPORT.window, "UTC", {}, (long,))

    for format_ in (ReportFormat.TEXT, ReportFormat.MARKDOWN, ReportFormat.HTML):
        assert f"and {1000 - MOST} more: -o json" in written(format_, report)
        assert "reason 999" not in written(format_, report)
    for format_ in (ReportFormat.JSON, ReportFormat.CSV):
        assert "reason 999" in written(format_, report)


def test_people_read_the_brief_rows_and_programs_all() -> None:
    columns = (Column("from", "from", Unit.NUMBER), Column("photos", "photos", Unit.COUNT))
    bands = Table("b", "bands", columns, ((0.0, 1), (0.05, 2)), brief=(("0.00 - 0.10", 3),))
    report = Report("thresholds", "x", REPORT.window, "UTC", {}, (bands,))

    assert "0.00 - 0.10       3" in written(ReportFormat.TEXT, report)
    assert '"from": 0.05' in written(ReportFormat.JSON, report)
    assert "0.00 - 0.10" not in written(ReportFormat.JSON, report)


@pytest.mark.parametrize("terminal", [60, 72, 80, 100, 160], indirect=True)
def test_a_table_of_errors_fits_and_its_commands_are_whole(terminal: int) -> None:
    columns = (Column("what", "what"), Column("cause", "cause"), Column("number", "number", Unit.COUNT),
               Column("example", "latest"), Column("command", "look further"), Column("text", "text"))  # fmt: skip
    said = text_of(table(columns, ("photo failed", "truncated", 22, ID, f"lomi review show {ID}", "cut off, " * 4)))

    assert max(map(len, said.splitlines())) <= max(terminal, 2 + 53 + 2 + 11)
    assert sum(f"lomi review show {ID}" in line for line in said.splitlines()) == 1
    assert "photo failed  truncated" in said, "a table, not a line for each value"


@pytest.mark.parametrize("terminal", [80], indirect=True)
def test_what_matters_least_is_left_out_first_and_an_interval_last(terminal: int) -> None:
    columns = (
        Column("host", "host"),
        Column("photos", "photos", Unit.COUNT, bars=True),
        Column("mean", "mean", Unit.MS),
        *RATES[1:4],
        Column("first", "first"),
        Column("last", "last"),
    )
    said = text_of(table(columns, ("host-2.example.internal", 1234, 3.0, 0.5, 0.4, 0.55, "11-20 17:12", "11-27 16:35")))

    assert max(map(len, said.splitlines())) <= terminal
    assert "40.0 - 55.0%" in said
    assert "last" in said
    assert "mean" not in said
    assert "first" not in said


@pytest.mark.parametrize("terminal", [80], indirect=True)
def test_wide_signs_stand_under_each_other_and_a_long_reason_is_cut(terminal: int) -> None:
    names = ("模糊的照片理由", "nsfw", "reason " * 30)
    lines = tuple(Line(name, (1, 2)) for name in names)
    said = text_of(
        table((Column("reason", "reason"), Column("photos", "photos", Unit.COUNT)), *((name, 1) for name in names)),
        Chart("c", "by reason", Unit.COUNT, ("00:00", "01:00"), lines, Shape.STACK),
    ).splitlines()

    assert all(widest([line]) <= terminal for line in said)
    drawn = [line for line in said if "█" in line]
    assert len({widest([line[: line.index("█")]]) for line in drawn}) == 1
    assert len(drawn) == 3


def test_lines_that_add_up_still_do_when_they_are_few() -> None:
    lines = tuple(Line(str(number), (number, None, 1)) for number in range(20))
    found = few(Chart("c", "c", Unit.COUNT, ("x", "y", "z"), lines, Shape.STACK))

    assert [line.name for line in found] == [*map(str, range(13, 20)), "13 others"]
    assert sum(line.values[0] or 0 for line in found) == sum(range(20))
    assert found[-1].values[1] is None
    assert len(few(Chart("c", "c", Unit.COUNT, ("x", "y", "z"), lines, Shape.LINE))) == 8


def test_a_sign_of_two_columns_is_not_cut_in_half() -> None:
    assert clipped("模糊的照片", 6) == "模糊…"
    assert widest([clipped("模糊的照片", 5)]) <= 5


@pytest.mark.parametrize("terminal", [80], indirect=True)
def test_a_headline_is_folded_like_a_sentence(terminal: int) -> None:
    where = "America/Argentina/Buenos_Aires"
    said = written(ReportFormat.TEXT, Report("rejections", "Photos uploaded and rejected", REPORT.window, where))

    assert max(map(len, said.splitlines())) <= terminal
    assert said.splitlines()[-1].endswith(f"labels: {where}")
