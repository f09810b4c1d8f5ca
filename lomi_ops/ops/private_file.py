"""A file that only its owner may read, there in one step or not at all: for what is held on people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lomi_ops.errors import Refused, Unwritable

MODE = 0o600


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A fresh file to write to, which gets its name when the body has ended well. What a killed run has left under the
    same name is removed first. Raises Refused where there is such a file already, Unwritable where it cannot be made.
    """
    if path.exists():
        raise Refused(f"{path} is there already", hint="name another file, or remove it")
    fresh = path.with_name(f".{path.name}.part")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    except OSError as failure:
        raise _unwritable(path, failure) from failure
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(handle)
        fresh.replace(path)
    except OSError as failure:
        raise _unwritable(path, failure) from failure
    finally:
        with suppress(OSError):
            fresh.unlink()


def _unwritable(path: Path, failure: OSError) -> Unwritable:
    return Unwritable(f"{path} cannot be written: {failure.strerror or failure}", hint="--out FILE, elsewhere")
