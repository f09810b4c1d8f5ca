"""The named SQL blocks of `sql/*.sql`. Nothing else in the package vouches for SQL text.

A block is a header and one statement:

    -- name: photo_counts
    -- How photos that were uploaded in a window stand now.
    -- in start: timestamptz, first moment of the window
    -- in end: timestamptz, first moment after it
    -- out status, reason, photos
    SELECT ... WHERE created_at >= %(start)s AND created_at < %(end)s

What several blocks of a file have in common is a part, with a sentence of its own, and stands where a line names it, in
a block or in a part below it:

    -- part: uploaded
    -- Photos of a window.
    created_at >= %(start)s AND created_at < %(end)s

    -- include: uploaded

Values are bound by name, never formatted in. Long lists take several `-- out` lines; `-- out nothing` marks a block
without result columns. Statements that Postgres cannot prepare (DDL) lie in `sql/migrations`, `sql/contract` and
`sql/proposed` instead and are run as whole files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from textwrap import indent
from typing import Any, LiteralString

from lomi_ops.errors import LomiError

_NAME = "-- name: "
_PART = "-- part: "
_INCLUDED = re.compile(r"^( *)-- include: (\w+)$", re.MULTILINE)
_INPUT = re.compile(r"-- in (\w+): (.+)")
_OUTPUT = re.compile(r"-- out (.+)")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_WRITES = re.compile(r"\b(?:INSERT INTO|DELETE FROM|UPDATE (?:lomi\.\w+|media)\b)")


@dataclass(frozen=True, slots=True)
class Block:
    """One named statement."""

    name: str
    purpose: str
    """One sentence."""
    inputs: Mapping[str, str]
    """Type, unit and meaning by parameter."""
    columns: tuple[str, ...]
    """Of the result, in order; empty where there is none."""
    text: LiteralString
    """With psycopg's named placeholders."""

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(_PLACEHOLDER.findall(self.text))

    @property
    def writes(self) -> bool:
        """Whether it changes rows; locking some is no change."""
        return _WRITES.search(self.text) is not None

    @property
    def numbered(self) -> str:
        """The statement as the server prepares it: `$1` … in the order of the header."""
        number = {name: f"${position}" for position, name in enumerate(self.inputs, start=1)}
        return _PLACEHOLDER.sub(lambda match: number[match[1]], self.text).replace("%%", "%")


def sql_folder() -> Traversable:
    """Where the SQL files lie, in a checkout and in a wheel alike."""
    return files("lomi_ops.db").joinpath("sql")


@cache
def blocks() -> Mapping[str, Block]:
    """Every block by name. Raises LomiError for a malformed file or a name given twice."""
    found: dict[str, Block] = {}
    for file in sorted(sql_folder().iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for block in parse(file.read_text("utf-8")):
                if block.name in found:
                    raise LomiError(f"two SQL blocks are named {block.name}")
                found[block.name] = block
    return found


def block_of(name: str) -> Block:
    """Raises LomiError for a name that no file has."""
    block = blocks().get(name)
    if block is None:
        raise LomiError(f"there is no SQL block named {name}")
    return block


@dataclass(frozen=True, slots=True)
class Statement:
    """A block as it is sent. Named placeholders would be looked for each time: psycopg remembers only those of short
    texts."""

    text: bytes
    """With `$1` … for the inputs."""
    inputs: tuple[str, ...]
    writes: bool

    def ordered(self, values: Mapping[str, Any]) -> list[Any]:
        """The values of the inputs; others may be there. Raises KeyError for one that is missing."""
        return [values[name] for name in self.inputs]


@cache
def statement(name: str) -> Statement:
    """Raises LomiError for a name that no file has."""
    block = block_of(name)
    return Statement(block.numbered.encode(), tuple(block.inputs), block.writes)


def sql(name: str) -> LiteralString:
    """The text of a block. Raises LomiError for a name that no file has."""
    return block_of(name).text


def script(path: str) -> LiteralString:
    """A whole file below `sql/`, such as `contract/tables.sql`, to be run as it is: DDL without parameters."""
    return sql_folder().joinpath(path).read_text("utf-8")


def parse(text: str) -> Iterator[Block]:
    """The blocks of one file's text. Comments above the first block belong to the file. Raises LomiError for a part
    that is not there, that nobody includes, or that includes one that does not stand above it."""
    chunks = re.split(rf"^(?={re.escape(_NAME)}|{re.escape(_PART)})", text, flags=re.MULTILINE)
    wanted = {match[2] for chunk in chunks for match in _INCLUDED.finditer(chunk)}
    parts: dict[str, str] = {}
    for chunk in chunks:
        if chunk.startswith(_PART):
            name, body = _part(chunk)
            parts[name] = _filled(body, parts)
    named = [_filled(chunk, parts) for chunk in chunks if chunk.startswith(_NAME)]
    if unwanted := parts.keys() - wanted:
        raise LomiError(f"SQL parts are there and not included: {', '.join(sorted(unwanted))}")
    return map(_block, named)


def _filled(text: str, parts: Mapping[str, str]) -> str:
    """With the parts that stand above it where it includes them."""
    if missing := {match[2] for match in _INCLUDED.finditer(text)} - parts.keys():
        raise LomiError(f"SQL parts are included and do not stand above: {', '.join(sorted(missing))}")
    return _INCLUDED.sub(lambda match: indent(parts[match[2]], match[1]), text)


def _part(chunk: str) -> tuple[str, str]:
    lines = chunk.splitlines()
    name, size = lines[0].removeprefix(_PART).strip(), _height(lines)
    body = "\n".join(lines[size:]).strip("\n")
    if not body or size < 2:
        raise LomiError(f"the SQL part {name} lacks a sentence or a text")
    return name, body


def _height(lines: Sequence[str]) -> int:
    """Lines of the header."""
    return next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))


def _block(chunk: str) -> Block:
    lines = chunk.splitlines()
    name = lines[0].removeprefix(_NAME).strip()
    size = _height(lines)
    purpose: list[str] = []
    inputs: dict[str, str] = {}
    columns: tuple[str, ...] | None = None
    for line in lines[1:size]:
        if match := _INPUT.fullmatch(line):
            inputs[match[1]] = match[2]
        elif match := _OUTPUT.fullmatch(line):
            columns = (columns or ()) + (() if match[1] == "nothing" else tuple(match[1].split(", ")))
        else:
            purpose.append(line.removeprefix("--").strip())
    body = "\n".join(lines[size:]).strip().removesuffix(";")
    if not (purpose and body and columns is not None):
        raise LomiError(f"the SQL block {name} lacks a sentence, its result columns or a statement")
    return Block(name, " ".join(purpose), inputs, columns, body)
