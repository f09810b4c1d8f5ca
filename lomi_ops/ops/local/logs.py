"""Log files of the parts: appended to, bounded in size, and the place where the reason of a failure stands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 8 * 1024 * 1024
KEEP = 3
"""Older generations: a part has at most KEEP + 1 files of about MAX_BYTES."""

_TAIL = 16_384
_LONGEST_REASON = 300
_ORDINARY = "the database system is"
"""FATAL is also what Postgres calls turning a client away while it starts or stops."""
_TELLING = ("error:", "FATAL:", "PANIC:", "Fatal", "Error")


def opened(path: Path) -> BinaryIO:
    """A log to hand to a child. Append mode: the file may be truncated under the writer without leaving a hole."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(handle, "ab", buffering=0)


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def rotate(path: Path, *, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> bool:
    """Moves a log that is too long to `.1`, `.1` to `.2` and so on; True when it did.

    The content is copied and the file truncated, because the writer keeps its descriptor: what it writes in
    between is lost.
    """
    if size(path) <= max_bytes:
        return False
    for number in range(keep - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    copy = path.with_name(f"{path.name}.1")
    shutil.copyfile(path, copy)
    copy.chmod(0o600)
    os.truncate(path, 0)
    return True


def since(path: Path, offset: int) -> str:
    """The end of what was written after `offset` bytes, at most 16 KiB; all of it if the log was rotated since."""
    length = size(path)
    if length == 0:
        return ""
    start = max(offset if offset <= length else 0, length - _TAIL)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(_TAIL).decode(errors="replace")


def telling(text: str) -> str:
    """The last line that names an error; empty when none does."""
    named = (line for line in _lines(text) if any(word in line for word in _TELLING) and _ORDINARY not in line)
    return _shortened(next(named, ""))


def reason(text: str) -> str:
    """The line that most likely says why a program ended: the last that names an error, else the last."""
    return telling(text) or _shortened(next(_lines(text), ""))


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in reversed(text.splitlines()) if line.strip())


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
