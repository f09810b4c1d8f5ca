"""The one writer to stdout: one JSON document, JSON lines, text, or a table. Nothing else may print answers."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TextIO

from lomi_ops.cli import diagnostics
from lomi_ops.errors import Unwritable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_UNBOUNDED = 100_000
"""Columns of a table that goes into a pipe: its reader wants whole values, not a terminal's width."""
_PLAIN_BOX = "    \n" * 2 + " -- \n" + "    \n" * 5
"""rich's SIMPLE_HEAD in ASCII."""
_GAP = 2
"""Columns between two columns of a table."""
_ROOM = 14
"""Columns that folded text needs at least, its gap included."""
BROKEN_PIPE = 141
"""128 + SIGPIPE, as other programs end when their reader goes away."""


class Format(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


def document(body: Mapping[str, Any], *, schema: str, format_: Format = Format.JSON) -> None:
    """One JSON document, for jsonl on one line. `schema` names its shape, e.g. `lomi.status/v1`; shapes only ever gain
    keys. `profile` is the cluster that it is about, unless the body says it."""
    _write(document_text(body, schema=schema, format_=format_))


def document_text(body: Mapping[str, Any], *, schema: str, format_: Format = Format.JSON) -> str:
    """What `document` writes."""
    whole = {"schema": schema, "profile": diagnostics.cluster(), **body}
    return _json(whole, separators=(",", ":")) if format_ is Format.JSONL else _json(whole, indent=2)


def line(body: Mapping[str, Any]) -> None:
    """One JSON object on one line, flushed at once so that a reader can follow."""
    _write(_json(body, separators=(",", ":")))


@contextmanager
def together() -> Iterator[None]:
    """What is written and what is noted about it are not torn apart by a signal: it is heard afterwards."""
    heard: list[int] = []
    with _whole(heard):
        yield
    for number in heard[:1]:
        signal.raise_signal(number)


def text(body: str) -> None:
    _write(diagnostics.here(body.rstrip("\n")))


def foreign(lines: Sequence[str]) -> None:
    """Lines of somebody else's, as they are, several at once."""
    if lines:
        _write("\n".join(lines))


def to_file(path: Path, body: str, *, option: str = "--output-file") -> None:
    """Writes an answer to a file in one step: a reader sees the old one or the new one. `option` is the one that named
    it. Raises Unwritable."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(body.rstrip("\n") + "\n")
            file.flush()
            os.fsync(file.fileno())
        # For whoever reads it, such as a collector of metrics, whatever our umask is.
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as failure:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise Unwritable(f"{path} cannot be written: {failure.strerror}", hint=f"{option} FILE") from failure


def verbatim(body: str) -> None:
    """The text of a file as it is: a command in it acts where the file will be."""
    _write(body.rstrip("\n"))


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), prose: Sequence[int] = (-1,)
) -> None:
    """A plain table: fits the terminal, keeps whole values in a pipe.

    `right` are columns of numbers. Only columns of `prose` are folded: words and ids in the others are read at a glance
    and copied. A terminal that is too narrow for that gets one line for each value.
    """
    _write(table_text(headers, rows, right=right, prose=prose))


def table_text(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), prose: Sequence[int] = (-1,)
) -> str:
    """What `table` writes."""
    from rich import box
    from rich.table import Table

    canvas = io.StringIO()
    screen = _console(canvas)
    rows = [[_here(cell) for cell in row] for row in rows]
    folded = {index % len(headers) for index in prose}
    widths = _widths(headers, rows)
    widths[-1] -= _GAP
    if sum(width for index, width in enumerate(widths) if index not in folded) > screen.width - _ROOM * len(folded):
        return _listed(headers, rows)
    style = box.Box(_PLAIN_BOX, ascii=True) if ascii_only() else box.SIMPLE_HEAD
    grid = Table(box=style, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for index, header in enumerate(headers):
        justify: Literal["left", "right"] = "right" if index in right else "left"
        grid.add_column(header, justify=justify, overflow="fold", no_wrap=index not in folded)
    for row in rows:
        grid.add_row(*map(_styled, row))
    screen.print(grid)
    return "\n".join(line.rstrip() for line in canvas.getvalue().splitlines())


def _widths(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """What each column needs at most, with the gap to the next one."""
    from rich.cells import cell_len

    return [max(cell_len(cell) for cell in column) + _GAP for column in zip(headers, *rows, strict=True)]


def _listed(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """One block for each row, one line for each value."""
    left = max(map(len, headers))
    blocks = ("\n".join(f"{name:{left}}  {cell}" for name, cell in zip(headers, row, strict=True)) for row in rows)
    return "\n\n".join(blocks)


def _here(cell: str) -> str:
    """A cell whose commands act where this one does. What others wrote in it is shown, never obeyed."""
    from lomi_ops.domain.shown import shown_lines

    there = shown_lines(diagnostics.here(cell))
    return painted(there, cell.style) if isinstance(cell, Painted) else there


def _styled(cell: str) -> Text:
    from rich.text import Text

    return Text(cell, style=cell.style if isinstance(cell, Painted) else "")


def _console(canvas: io.StringIO) -> Console:
    """Draws as it would on stdout: honours NO_COLOR, pipes and narrow terminals."""
    from rich.console import Console

    terminal = _is_terminal()
    return Console(
        file=canvas,
        force_terminal=terminal or None,
        width=None if terminal else _UNBOUNDED,
        highlight=False,
        no_color=True if os.environ.get("LOMI_NO_COLOR") else None,
    )


class Painted(str):
    """A cell in a colour. The word itself must carry the meaning: colour may be off."""

    __slots__ = ("style",)
    style: str


def painted(value: str, style: str) -> Painted:
    """A cell as `table` takes it, in one of rich's styles."""
    cell = Painted(value)
    cell.style = style
    return cell


def colours() -> bool:
    """Whether stdout takes and wants colours."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("LOMI_NO_COLOR") or os.environ.get("TERM") == "dumb"
    return _is_terminal() and not unwanted


def painted_text(value: str, style: str, *, upto: int | None = None) -> str:
    """Text in a colour where stdout shows colours; with `upto`, only its first columns."""
    if not style or not _is_terminal():
        return value
    from rich.text import Text

    canvas = io.StringIO()
    shown = Text(value)
    shown.stylize(style, 0, upto)
    _console(canvas).print(shown, end="", soft_wrap=True)
    return canvas.getvalue()


def folded(value: str, indent: int, *, first: int | None = None) -> str:
    """Text as wide as the terminal, further lines indented; whole in a pipe. `first`: columns taken on its line."""
    if not _is_terminal():
        return value
    import textwrap

    width = max(_console(io.StringIO()).width - 1, indent + _ROOM)
    taken = indent if first is None else first
    lines = textwrap.wrap(" " * taken + value, width, subsequent_indent=" " * indent, break_on_hyphens=False)
    return "\n".join(lines)[taken:] if lines else value


def paragraph(value: str) -> str:
    """Prose as wide as the terminal, at most 100 columns, and 80 in a pipe; what stands in backticks is never broken,
    since it is copied."""
    import re
    import textwrap

    width = min(_console(io.StringIO()).width - 1, 100) if _is_terminal() else 80
    glued = re.sub("`[^`]+`", lambda span: span[0].replace(" ", "\0"), value)
    lines = textwrap.wrap(glued, max(width, _ROOM), break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\0", " ")


def narrow(columns: int = 120) -> bool:
    """True on a terminal with fewer columns: then tables leave out what can be looked up."""
    return _is_terminal() and _console(io.StringIO()).width < columns


def ascii_only() -> bool:
    """True where signs outside ASCII are not wanted, or cannot be written."""
    wished = os.environ.get("LOMI_ASCII", "") not in ("", "0") or os.environ.get("TERM") == "dumb"
    return wished or not _speaks_unicode()


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 photo`, `2 photos`, `100,000 photos`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: int | None) -> str:
    """`812 B`, `4.1 MB`."""
    if number is None:
        return "-"
    value, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def on_terminal() -> bool:
    """Whether a person reads the answers."""
    return _is_terminal()


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """What is drawn meanwhile is for a file: whole lines, no colours."""
    global _plainly
    _plainly = True
    try:
        yield
    finally:
        _plainly = False


_plainly = False


def _is_terminal() -> bool:
    return not _plainly and sys.stdout is not None and sys.stdout.isatty()


def _speaks_unicode() -> bool:
    return "utf" in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()


def _write(body: str) -> None:
    if sys.stdout is None:
        raise Unwritable("the answer cannot be written: stdout is closed")
    heard: list[int] = []
    try:
        with _whole(heard):
            _pour(sys.stdout, body + "\n")
    except OSError as failure:
        _give_up(failure)
    except (KeyboardInterrupt, SystemExit):
        _mute()
        raise
    for number in heard[:1]:
        signal.raise_signal(number)


def _pour(stream: TextIO, body: str) -> None:
    """All of it. With PYTHONUNBUFFERED=1, as in many containers, Python's own way loses the rest of a long text when a
    signal cuts one write short."""
    below = getattr(stream, "buffer", None)
    if below is None:
        stream.write(body)
        stream.flush()
        return
    stream.flush()
    left = memoryview(body.encode(stream.encoding, stream.errors or "strict"))
    while left:
        taken = below.write(left)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[taken:]
    below.flush()


@contextmanager
def _whole(heard: list[int]) -> Iterator[None]:
    """Signals wait until what is being written is written: half a document is worse than none. They are `heard` then. A
    second one does not wait, for the reader may have stopped for good. Only the main thread hears signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def later(number: int, _: object) -> None:
        if heard:
            signal.signal(number, before[signal.Signals(number)])
            signal.raise_signal(number)
        heard.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in numbers}
    for number in before:
        signal.signal(number, later)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _give_up(failure: OSError) -> NoReturn:
    """`lomi … | head` closes our stdout: no error."""
    _mute()
    if failure.errno == errno.EPIPE:
        raise SystemExit(BROKEN_PIPE) from None
    raise Unwritable(f"the answer cannot be written: {failure.strerror}") from failure


def _mute() -> None:
    """Whatever is left in the buffer goes nowhere, or Python would write it, or complain about it, at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def _json(body: Mapping[str, Any], **style: Any) -> str:
    """JSON has no word for NaN and infinity, though Python would write one: they become null."""
    style |= {"ensure_ascii": not _speaks_unicode(), "default": _plain}
    try:
        return json.dumps(body, allow_nan=False, **style)
    except ValueError:
        # The detour makes everything plain first, whatever it is made of.
        return json.dumps(json.loads(json.dumps(body, default=_plain), parse_constant=lambda _: None), **style)


def _plain(value: object) -> object:
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
