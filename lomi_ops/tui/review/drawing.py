"""The process that a darkroom is in (`darkroom.py`): begun, and ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from lomi_ops.domain.inheritance import inherited

_ahead: list[subprocess.Popen[bytes]] = []


def begin_ahead() -> None:
    """For the next one that is asked for."""
    _ahead.append(begun())


def begun() -> subprocess.Popen[bytes]:
    """A process that gets ready, whatever is known of the limits by then; the one that was begun ahead."""
    if _ahead:
        return _ahead.pop()
    return subprocess.Popen(
        [sys.executable, "-m", "lomi_ops.tui.review.darkroom"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=inherited(os.environ),
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """At once; one that has ended may be ended again."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()
