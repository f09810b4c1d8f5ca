"""Leaving the terminal, and being woken by signals while asleep."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from lomi_ops.ops.local import logs


def detach(log: Path) -> None:
    """Goes on as an orphan in a session of its own, writing to `log`; the process that was called exits with 0.

    Only before any thread is started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    with logs.opened(log) as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)


def log_to_stderr() -> None:
    """One line per event, in UTC."""
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    root = logging.getLogger("lomi_ops")
    root.handlers = [handler]
    root.setLevel(logging.INFO)


class Mailbox:
    """The signals that have arrived. Handlers do nothing but wake the sleeper.

    Handlers, not a blocked mask: children would inherit the mask and never see a SIGTERM.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def wait(self, timeout_s: float) -> set[signal.Signals]:
        """Sleeps until a signal or the timeout; returns the signals since the last call."""
        select.select([self._read], [], [], max(0.0, timeout_s))
        try:
            return {signal.Signals(number) for number in os.read(self._read, 4096)}
        except BlockingIOError:
            return set()

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)

    @property
    def writer(self) -> int:
        return self._write


@contextmanager
def mailbox(*numbers: signal.Signals) -> Iterator[Mailbox]:
    """Catches these signals for the time of the block. Only in the main thread."""
    box = Mailbox()
    before = {number: signal.signal(number, _ignore) for number in numbers}
    waker = signal.set_wakeup_fd(box.writer, warn_on_full_buffer=False)
    try:
        yield box
    finally:
        signal.set_wakeup_fd(waker)
        for number, handler in before.items():
            signal.signal(number, handler)
        box.close()


def _ignore(number: int, frame: FrameType | None) -> None:
    """The wakeup descriptor carries the news."""
