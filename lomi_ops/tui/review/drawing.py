"""The process that a darkroom is in (`darkroom.py`): begun, and ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from lomi_ops.domain.inheritance import inherited

_ahead: list[subprocess.Popen[bytes]] = []
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Nothing here is linear algebra, and to begin a thread for each core is a third of what importing numpy and Pillow
takes."""


def begun() -> subprocess.Popen[bytes]:
    """A process that gets ready, whatever is known of the limits by then."""
    return subprocess.Popen(
        [sys.executable, "-m", "lomi_ops.tui.review.darkroom"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=_ONE_THREAD | inherited(os.environ),
    )


def begin_ahead() -> None:
    """For whoever asks for one later; where nobody does, it ends with this process."""
    _ahead.append(begun())


def forget() -> None:
    """Lets go of what was begun ahead, in a copy of the process that began it: else it would not end with that one."""
    while _ahead:
        _close_pipes(_ahead.pop())


@contextlib.contextmanager
def lent() -> Iterator[subprocess.Popen[bytes]]:
    """One that has ended when this is left."""
    process = _ahead.pop() if _ahead else begun()
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """At once; one that has ended may be ended again."""
    process.kill()
    _close_pipes(process)
    process.wait()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
