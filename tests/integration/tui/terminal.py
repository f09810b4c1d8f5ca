"""A terminal with a program in it, as a person has one: a pseudo-terminal of its own, or a window of tmux."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|[P_\]][^\x1b]*\x1b\\|[()][A-Z0-9]|[=>78])")
_PATIENCE_S = 90.0


class Terminal:
    """Answers what a terminal is asked with `answers`, as long as nobody else has to."""

    def __init__(
        self, *arguments: str, size: tuple[int, int], environ: Mapping[str, str], answers: bytes = b"\x1b[?1;2c",
        command: Sequence[str] = (sys.executable, "-m", "lomi_ops"),
    ) -> None:  # fmt: skip
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=dict(environ), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.heard = b""
        self._answers = answers

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def press(self, keys: str) -> None:
        self.heard = b""
        os.write(self._ours, keys.encode())

    def until(self, *words: str) -> None:
        """Waits until all of these were written since the last key."""
        self._wait(lambda: all(word in self.text for word in words), " and ".join(words))

    def until_written(self, word: str) -> None:
        """As `until`, for a word in one colour: does not work through all that colours a photo while the clock runs."""
        self._wait(lambda: word.encode() in self.heard, word)

    @property
    def text(self) -> str:
        """What was written since the last key, without what moves and colours it."""
        return _ESCAPES.sub(b"", self.heard).decode("utf-8", "replace")

    @property
    def settings(self) -> object:
        return termios.tcgetattr(self._theirs)

    def end(self) -> int:
        """Reads on until the program has ended; its exit code."""
        self._wait(lambda: self.process.poll() is not None, "the end")
        self._read(0.05)
        return int(self.process.returncode)

    def hang_up(self) -> None:
        """As when the window is closed."""
        os.killpg(self.process.pid, signal.SIGHUP)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}\n{self.text[-3000:]}"
            self._read(0.1)

    def _read(self, patience_s: float) -> None:
        if not select.select([self._ours], [], [], patience_s)[0]:
            return
        self.heard += os.read(self._ours, 65536)
        if b"\x1b[c" in self.heard and self._answers:
            os.write(self._ours, self._answers)
            self._answers = b""
