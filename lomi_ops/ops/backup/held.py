"""Folders that belong to a running process: a lock inside says so, and dies with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lomi_ops.errors import LomiError

LOCK = ".lock"
_PREFIX = "lomi-backup-"
_YOUNG_S = 60.0
"""A folder without a lock may have been made just now."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Marks a folder as ours for as long as we live."""
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def in_use(folder: Path) -> bool:
    """Whether whoever made it is still at work."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime < _YOUNG_S
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def room(parent: Path, clear: Callable[[Path], None]) -> Iterator[Path]:
    """A folder for this run, gone afterwards. What killed runs of this user have left in `parent` goes first: `clear`
    ends what still works in there. Others may enter it and not look around. Raises LomiError where none can be made."""
    try:
        _sweep(parent, clear)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        folder.chmod(0o711)
    except OSError as problem:
        raise LomiError(f"no folder can be made in {parent}: {problem.strerror}", hint="name another one") from problem
    try:
        with hold(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path, clear: Callable[[Path], None]) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        ours = path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid()
        if ours and not in_use(path):
            clear(path)
            shutil.rmtree(path, ignore_errors=True)
