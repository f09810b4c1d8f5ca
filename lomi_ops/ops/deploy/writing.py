"""Rendered files in a folder: what is there and differs is not replaced unless somebody says so."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lomi_ops.domain.deployment import Rendered
from lomi_ops.errors import Refused, Unwritable

_MODE = 0o644
_PRIVATE = 0o700
READABLE = 0o444


class Change(StrEnum):
    NEW = "new"
    SAME = "same"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Placed:
    """A rendered file and what is in its place now."""

    path: Path
    text: str
    before: str | None

    @property
    def change(self) -> Change:
        if self.before is None:
            return Change.NEW
        return Change.SAME if self.before == self.text else Change.DIFFERS

    def diff(self) -> str:
        """As `diff -u` says it; empty where nothing changes."""
        old, new = (self.before or "").splitlines(keepends=True), self.text.splitlines(keepends=True)
        there = str(self.path) if self.before is not None else os.devnull
        return "".join(difflib.unified_diff(old, new, there, str(self.path)))


def place(files: Iterable[Rendered], folder: Path) -> tuple[Placed, ...]:
    """What writing would do. Raises Unwritable where something there cannot be read."""
    return tuple(Placed(folder / each.name, each.text, _present(folder / each.name)) for each in files)


def write(placed: Sequence[Placed], *, force: bool = False) -> None:
    """Writes what is new or differs, each file in one step.

    Raises Refused where files differ and nobody said `force`; nothing is written then. Raises Unwritable.
    """
    differ = [each for each in placed if each.change is Change.DIFFERS]
    if differ and not force:
        listed = ", ".join(each.path.name for each in differ)
        text = f"{listed} in {differ[0].path.parent} would be replaced by something else; nothing was written"
        raise Refused(text, hint="--dry-run shows the difference, --force replaces")
    for each in placed:
        if each.change is not Change.SAME:
            _write(each.path, each.text, _MODE)


def write_secrets(values: dict[str, str], folder: Path) -> None:
    """One file for each, readable by whoever can enter the folder, which only its owner can.

    Containers of any user get them mounted one by one, and then the folder does not matter. Raises Unwritable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        folder.chmod(_PRIVATE)
    except OSError as failure:
        raise Unwritable(f"{folder} cannot be made: {failure.strerror}", hint="--out DIR") from failure
    for name, value in values.items():
        _write(folder / name, value, READABLE)


def _present(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else "it is no text"
        raise Unwritable(f"{path} cannot be read: {why}", hint="--out DIR") from None


def _write(path: Path, text: str, mode: int) -> None:
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(mode)
        Path(scratch).replace(path)
    except OSError as failure:
        if scratch is not None:
            Path(scratch).unlink(missing_ok=True)
        raise Unwritable(f"{path} cannot be written: {failure.strerror}", hint="--out DIR") from failure
