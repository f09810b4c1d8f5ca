"""The screens of `lomi bench`, as golden files: a narrow and a wide terminal, a pipe, ASCII. To make them anew:
`LOMI_GOLDEN=1 python -m pytest tests/unit/bench/test_bench_text.py`, and read the difference."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lomi_ops.cli import bench_text
from lomi_ops.cli.output import Format
from lomi_ops.domain import bench
from lomi_ops.domain.bench import Advice, Area, Figure, Left, Outcome, Unit

GOLDEN = Path(__file__).with_name("golden")
OUTCOME = Outcome(
    Area.LOAD,
    (
        Figure("trip", "round trip to Postgres, median", 0.00031, Unit.SECONDS),
        Figure("write_p95", "a batch is settled, 4 at once, p95", 0.153, Unit.SECONDS, bench.WRITES),
        Figure("batch", "a batch of nine, slowest", 2.4, Unit.SECONDS, bench.BATCH),
        Figure("rate", "photos decided", 60_319.0, Unit.PER_MINUTE, bench.PHOTOS),
        Figure("jobs", "jobs claimed and finished", 12.25, Unit.PER_SECOND, bench.JOBS),
        Figure("success", "photos decided", 0.9971, Unit.SHARE, bench.SUCCESS),
        Figure("all", "photos decided, all of them", 1.0, Unit.SHARE, bench.SUCCESS),
        Figure("lost", "photos lost", 0.0, Unit.NUMBER, bench.LOSS),
        Figure("memory", "memory of a judging process", 164e6, Unit.BYTES, bench.MEMORY),
        Figure("bytes", "bytes read, 8 at once", 1.032e9, Unit.BYTES_PER_SECOND),
        Figure("cpu", "database CPU", None, Unit.SHARE, bench.DATABASE_CPU, "Postgres runs on another machine"),
    ),
    Advice("a commit takes 9.0 of the 11.0 ms of a batch: put pg_wal on a faster disk", "lomi check --deep"),
    12.34,
    "130 batches of 9 settled",
    (Left("keys", "{photo_moderation_queue}:bench:0a0b*", "Redis at r:6379 did not serve UNLINK"),),
)


def same(text: str, name: str) -> None:
    path = GOLDEN / name
    if os.environ.get("LOMI_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")

    assert bench_text.show(OUTCOME, Format.TEXT) == 1

    text = capsys.readouterr().out.replace("\x1b[1m", "").replace("\x1b[0m", "")
    same(text, f"terminal-{columns}.txt")
    assert max(map(len, text.splitlines())) <= columns


def test_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    bench_text.show(OUTCOME, Format.TEXT)
    same(capsys.readouterr().out, "pipe.txt")


def test_ascii(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOMI_ASCII", "1")
    bench_text.show(OUTCOME, Format.TEXT)
    text = capsys.readouterr().out
    same(text, "ascii.txt")
    assert text.isascii()


def test_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_text.show(OUTCOME, Format.JSON) == 1
    text = capsys.readouterr().out
    same(text, "document.json")
    body = json.loads(text)
    assert (body["schema"], body["ok"], body["exit_code"]) == ("lomi.bench/v1", False, 1)
    assert [figure["met"] for figure in body["figures"]].count(None) == 3


def test_an_interrupted_run_is_one_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    bench_text.failed("queue", KeyboardInterrupt(), OUTCOME.left, Format.JSON)
    body = json.loads(capsys.readouterr().out)
    assert (body["exit_code"], body["area"], body["error"]["message"]) == (130, "queue", "interrupted")
    assert body["left"][0]["what"] == "keys"
