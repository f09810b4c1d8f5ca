"""A hint that names a command which does not exist sends an operator at 3 a.m. into a wall."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from lomi_ops.cli.main import build

ROOT = Path(__file__).parents[2]
MENTION = re.compile(r"""(?:`|hint=f?"|_INSTALL = ")lomi ([a-z][a-z0-9_-]*)(?: ([a-z]+))?""")
IN_LUA = re.compile(r"""'[^'\n]*\blomi ([a-z][a-z0-9_-]*)(?: ([a-z]+))?""")


def tree() -> dict[str, set[str]]:
    root = typer.main.get_command(build())
    return {name: set(getattr(child, "commands", {})) for name, child in getattr(root, "commands", {}).items()}


def mentions() -> set[tuple[str, str]]:
    found = set()
    for folder in ("lomi_ops", "worker"):
        for ending, pattern in (("py", MENTION), ("lua", IN_LUA)):
            for path in (ROOT / folder).rglob(f"*.{ending}"):
                found |= set(pattern.findall(path.read_text()))
    return found


def test_every_command_that_a_hint_names_exists() -> None:
    known = tree()
    assert len(mentions()) > 15

    wrong = [
        f"lomi {first} {second}".rstrip()
        for first, second in mentions()
        if first not in known or (known[first] and second and second not in known[first])
    ]

    assert wrong == []
