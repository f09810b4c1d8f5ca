"""How a run looks, in a terminal of its own and in a pipe, sign by sign: `DRAW=1 pytest …/test_drawn.py` draws anew."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[3]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
CASES = {
    "text-80": (80, "text", {}),
    "text-160": (160, "text", {}),
    "text-80-no-color": (80, "text", {"NO_COLOR": "1"}),
    "text-80-ascii": (80, "text", {"LOMI_ASCII": "1", "NO_COLOR": "1"}),
    "text-pipe": (None, "text", {}),
    "short-80": (80, "short", {}),
    "short-pipe": (None, "short", {}),
}
"""Columns (None: a pipe), format, environment."""


def drawn(columns: int | None, format_: str, extra: dict[str, str]) -> str:
    kept = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES", "LOMI_ASCII")
    }
    environ = kept | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | extra
    command = [sys.executable, "-m", "tests.unit.check.drawn", format_]
    if columns is None:
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout
    here, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    running = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=theirs)
    os.close(theirs)
    said = b""
    while piece := _read(here):
        said += piece
    os.close(here)
    assert running.wait(60) == 0
    return said.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux' way to say that nobody is at the other end any more
        return b""


@pytest.mark.parametrize("name", CASES)
def test_it_looks_as_it_did(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    said = drawn(*CASES[name])
    if os.environ.get("DRAW"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said)

    assert said == path.read_text()


@pytest.mark.parametrize("name", [name for name, (columns, _, _) in CASES.items() if columns])
def test_nothing_stands_beyond_the_edge_but_what_is_pasted(name: str) -> None:
    columns = CASES[name][0]
    assert columns is not None
    lines = COLOUR.sub("", (GOLDEN / f"{name}.txt").read_text()).splitlines()

    wide = [line for line in lines if len(line) > columns]

    assert wide == [] or name.startswith("short")


def test_colour_is_all_that_a_terminal_without_it_lacks() -> None:
    coloured, bare = ((GOLDEN / f"{name}.txt").read_text() for name in ("text-80", "text-80-no-color"))

    assert "\x1b[31m" in coloured
    assert not re.search(r"\x1b\[3\dm", bare)
    assert COLOUR.sub("", coloured) == COLOUR.sub("", bare)


def test_a_pipe_gets_no_codes_and_whole_lines() -> None:
    piped = (GOLDEN / "text-pipe.txt").read_text()

    assert "\x1b" not in piped
    assert "users/0b1c/photo/very-long-key-of-an-object-that-nobody-has-any-more.jpg is gone" in piped


def test_signs_of_ours_are_plain_where_that_is_wanted() -> None:
    said = COLOUR.sub("", (GOLDEN / "text-80-ascii.txt").read_text())

    foreign = {sign for sign in said if not sign.isascii()}
    assert foreign <= set("የፎቶው ፋይል አልተገኘም"), "what a server said stays as it is"
