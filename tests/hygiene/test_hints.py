"""The commands that the program itself proposes: each of them is one that it understands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hygiene.test_docs import ROOT, fault, root

COMMAND = re.compile(rf"lomi (?:{'|'.join(root().commands)})(?: [^;:,()|#…]+)?")
WHAT_FOR = re.compile(r" (?:removes|gives|starts|shows|makes|looks|says) .*")
"""Behind a command: what it does."""
NO_COMMANDS = frozenset({"lomi migrate watch"})
"""Names under which Postgres shows our sessions."""


def whole_texts(path: Path) -> Iterator[str]:
    """Strings that stand for themselves: no docstrings, and no pieces of a longer text."""
    tree = ast.parse(path.read_text())
    pieces = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces | prose:
            yield node.value


def proposed() -> list[tuple[str, str]]:
    """Every command that is a whole text of the program, or stands at the end of one, behind a colon."""
    found = []
    for folder in ("lomi_ops", "worker"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in whole_texts(path):
                command = WHAT_FOR.sub("", text.rpartition(": ")[2] if ": lomi " in text else text)
                if COMMAND.fullmatch(command) and command not in NO_COMMANDS:
                    found.append((path.relative_to(ROOT).as_posix(), command))
    return found


def test_every_command_that_the_program_proposes_is_understood() -> None:
    assert len(proposed()) > 80
    assert [(place, command, said) for place, command in proposed() if (said := fault(command)) is not None] == []


@pytest.mark.parametrize("wrong", ["lomi config show compreface", "lomi queue frobnicate"])
def test_a_command_that_is_not_understood_is_noticed(wrong: str) -> None:
    assert COMMAND.fullmatch(wrong)
    assert fault(wrong) is not None
