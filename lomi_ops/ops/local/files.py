"""Files that must be whole or absent, and locks that die with their holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lomi_ops.errors import LockHeld


def write_private(path: Path, text: str, *, uid: int = -1, gid: int = -1) -> None:
    """Replaces a file at once, mode 0600, on disk before the name changes. The uid and gid are its new owner's."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchown(file.fileno(), uid, gid)
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, *, who: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds an advisory lock; the kernel frees it when the holder dies. Raises LockHeld after `wait_s`."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle, path, who, time.monotonic() + wait_s)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, who: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as held:
            if time.monotonic() >= deadline:
                raise LockHeld(f"{who} is at work on the stack in {path.parent.parent}", hint="lomi status") from held
        time.sleep(0.05)
