"""Tables, lines and documents as they leave the program."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.cli import diagnostics, output, progress
from lomi_ops.cli.output import Format

ID = str(uuid.UUID(int=7))
HEADERS = ("photo", "status", "why")
ROWS = [(ID, output.painted("rejected", "red"), "the face is turned away and much of the photo is dark")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_whole_values_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(HEADERS, ROWS)

    assert shown(capsys)[2] == f"{ID}  rejected  {ROWS[0][2]}"


@pytest.mark.parametrize("columns", [62, 80, 100, 160])
def test_a_terminal_folds_words_and_never_an_id(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")

    output.table(HEADERS, ROWS)

    lines = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in shown(capsys)]
    assert lines[2].startswith(f"{ID}  rejected  ")
    assert max(map(len, lines)) <= columns
    assert " ".join(line[48:].strip() for line in lines[2:]) == ROWS[0][2]


def test_a_very_narrow_terminal_gets_one_line_for_each_value(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")

    output.table(HEADERS, [*ROWS, *ROWS])

    lines = shown(capsys)
    assert lines[:3] == [f"photo   {ID}", "status  rejected", f"why     {ROWS[0][2]}"]
    assert lines[3] == ""
    assert len(lines) == 7


def test_colour_is_only_where_it_is_wanted(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output.table(HEADERS, ROWS)
    assert "\x1b[31m" in capsys.readouterr().out
    for name in ("NO_COLOR", "LOMI_NO_COLOR"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "1")
            output.table(HEADERS, ROWS)
        assert "\x1b[31m" not in capsys.readouterr().out


@pytest.mark.parametrize(("name", "value"), [("LOMI_ASCII", "1"), ("TERM", "dumb")])
def test_ascii_where_nothing_else_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    output.table(HEADERS, ROWS)

    assert set(shown(capsys)[1]) == {"-"}
    assert output.ascii_only()


def test_a_cell_is_text_and_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("a", "b"), [("[bold]x[/bold]", "[/]")])

    assert shown(capsys)[2] == "[bold]x[/bold]  [/]"


def test_a_cell_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("a", "b"), [("x\x1b[2J", "y\x9b\u202e\nz")])

    assert shown(capsys)[2:] == ["x\\x1b[2J  y\\x9b\\u202e", "          z"]


def test_a_warning_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostics.warn("redis is silent: \x1b]0;x\x07")

    assert capsys.readouterr().err == "warning: redis is silent: \\x1b]0;x\\x07\n"


def test_a_table_of_nothing_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("a", "b"), [])

    assert shown(capsys)[0] == "a  b"


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_jsonl_is_one_line_whatever_is_in_it(body: dict[str, object]) -> None:
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        output.document(body, schema="lomi.x/v1", format_=Format.JSONL)

    (line, rest) = stream.getvalue().split("\n")
    assert rest == ""
    assert json.loads(line) == {"schema": "lomi.x/v1", "profile": None} | body


def test_times_and_paths_are_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.document({"at": datetime(2026, 11, 20, tzinfo=UTC), "path": Path("/x")}, schema="lomi.x/v1")

    assert json.loads(capsys.readouterr().out) == {
        "schema": "lomi.x/v1", "profile": None, "at": "2026-11-20T00:00:00+00:00", "path": "/x",
    }  # fmt: skip


def test_one_is_singular() -> None:
    assert output.counted(1, "photo") == "1 photo"
    assert output.counted(0, "photo") == "0 photos"
    assert output.counted(2, "batch", "batches") == "2 batches"


def test_progress_is_drawn_only_where_somebody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.bar("judging", 3) as advance:
        advance(3, "judging")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("lomi_ops.cli.diagnostics.on_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.bar("judging", 3) as advance:
        advance(3, "judging")
    out, err = capsys.readouterr()

    assert out == ""
    assert "3/3" in err
