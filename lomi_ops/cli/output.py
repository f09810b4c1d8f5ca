"""The one writer to stdout: one JSON document, JSON lines, text, or a table. Nothing else may print answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_UNBOUNDED = 100_000
"""Columns of a table that goes into a pipe: its reader wants whole values, not a terminal's width."""


class Format(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


def document(body: Mapping[str, Any], *, schema: str) -> None:
    """One JSON document. `schema` names its shape, e.g. `lomi.status/v1`; shapes only ever gain keys."""
    _write(json.dumps({"schema": schema, **body}, indent=2, ensure_ascii=False, default=_plain))


def line(body: Mapping[str, Any]) -> None:
    """One JSON object on one line, flushed at once so that a reader can follow."""
    _write(json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_plain))


def text(body: str) -> None:
    _write(body.rstrip("\n"))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), title: str = "") -> None:
    """A plain table: fits the terminal, keeps whole values in a pipe. `right` are columns of numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title=title or None,
        title_justify="left",
        show_edge=False,
    )
    for index, header in enumerate(headers):
        grid.add_column(header, justify="right" if index in right else "left", overflow="fold", no_wrap=False)
    for row in rows:
        grid.add_row(*(Text(cell, style=cell.style if isinstance(cell, Painted) else "") for cell in row))
    console().print(grid)


def console() -> Console:
    """A console on stdout that honours NO_COLOR, pipes and narrow terminals."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNBOUNDED
    plain = True if os.environ.get("LOMI_NO_COLOR") else None
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=width is not None, no_color=plain)


class Painted(str):
    """A cell in a colour. The word itself must carry the meaning: colour may be off."""

    __slots__ = ("style",)
    style: str


def painted(value: str, style: str) -> Painted:
    """A cell as `table` takes it, in one of rich's styles."""
    cell = Painted(value)
    cell.style = style
    return cell


def narrow(columns: int = 120) -> bool:
    """True on a terminal with fewer columns: then tables leave out what can be looked up."""
    return sys.stdout.isatty() and console().width < columns


def ascii_only() -> bool:
    """True where signs outside ASCII are not wanted."""
    return os.environ.get("LOMI_ASCII", "") not in ("", "0") or os.environ.get("TERM") == "dumb"


def _write(body: str) -> None:
    sys.stdout.write(body + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
