"""Writes docs/commands.md from the program: `python -m lomi_ops.cli.reference FILE`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from lomi_ops.cli.manual import TOPICS
from lomi_ops.cli.tree import SHARED, Command, Option, command_tree

_HEAD = """\
# Commands

Written from the program by `make completions`; the `--help` of each says the same. In [brackets] stand defaults and
limits.
"""
_CODE = re.compile(r"(\d+)\s+(.+)")
_HELP = ("--help", "-h")


def reference() -> str:
    """The text of the page."""
    tree = command_tree()
    every = list(tree.all())
    shared = {name: option for command in every for option in command.options for name in option.names}
    lines = [*_HEAD.splitlines(), ""]
    lines += ["## Options of nearly every command", "", *_table(_named(shared, SHARED)), ""]
    lines += ["Before the name of a command stand:", "", *_table(tree.options), ""]
    lines += ["## Exit codes", "", "| code | means |", "| --- | --- |"]
    lines += [f"| {match[1]} | {_cell(match[2])} |" for match in _codes()]
    for command in every[1:]:
        lines += ["", *_section(command)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def write(path: Path) -> None:
    path.write_text(reference(), "utf-8")


def _section(command: Command) -> Iterator[str]:
    yield f"## {command.name}"
    yield ""
    usage = " ".join([argument.usage for argument in command.arguments])
    yield from _paragraphs(command.help)
    if command.children:
        yield "One of: " + ", ".join(child.path[-1] for child in command.children) + "."
        yield ""
    if command.arguments:
        yield f"Usage: **{command.name}** {_escaped(usage)}"
        yield ""
    own = [option for option in command.options if not set(option.names) & {*SHARED, *_HELP}]
    cells = [(argument.usage, argument.help) for argument in command.arguments]
    cells += [(option.usage, option.help) for option in own]
    if cells:
        yield "| takes | for |"
        yield "| --- | --- |"
        yield from (f"| {_code(usage)} | {_cell(text)} |" for usage, text in cells)
        yield ""
    if any(set(option.names) & set(SHARED) for option in command.options):
        names = sorted(
            {name for option in command.options for name in option.names if name in SHARED}, key=SHARED.index
        )
        yield "And " + ", ".join(_code(name) for name in names) + "."
        yield ""
    if command.epilog:
        yield from _paragraphs(command.epilog)


def _named(options: dict[str, Option], names: Iterable[str]) -> list[Option]:
    return [options[name] for name in names]


def _table(options: Iterable[Option]) -> Iterator[str]:
    yield "| takes | for |"
    yield "| --- | --- |"
    yield from (f"| {_code(option.usage)} | {_cell(option.help)} |" for option in options)


def _codes() -> Iterator[re.Match[str]]:
    return (match for line in TOPICS["exit-codes"].splitlines() if (match := _CODE.fullmatch(line.strip())))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield _escaped(" ".join(paragraph.split()))
        yield ""


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Stars and underscores outside code are letters here."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>])", r"\\\1", part) for part in parts)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
