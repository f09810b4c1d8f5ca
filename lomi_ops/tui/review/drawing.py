"""The process that a darkroom is in (`darkroom.py`): begun, and ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from lomi_ops.domain.inheritance import inherited


def begun() -> subprocess.Popen[bytes]:
    """A process that gets ready, whatever is known of the limits by then."""
    return subprocess.Popen(
        [sys.executable, "-m", "lomi_ops.tui.review.darkroom"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=inherited(os.environ),
    )


@contextlib.contextmanager
def lent() -> Iterator[subprocess.Popen[bytes]]:
    """One that has ended when this is left."""
    process = begun()
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """At once; one that has ended may be ended again."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()
