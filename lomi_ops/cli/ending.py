"""How a command is ended from outside: SIGTERM unwinds like Ctrl-C, and neither is lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

INTERRUPTED, TERMINATED = 130, 143
"""128 + the signal's number, as shells say it."""
_AGAIN_S = 0.02


@contextmanager
def heard() -> Iterator[None]:
    """SIGTERM unwinds, so that what a command has begun is cleaned up; the worker and the supervisor put handlers of
    their own in its place. Only the main thread may do this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, told = signal.signal(signal.SIGTERM, _terminate), sys.unraisablehook

    def told_again(swallowed: sys.UnraisableHookArgs) -> None:
        if number := _signal_of(swallowed.exc_value):
            _send_again(number)
        else:
            told(swallowed)

    sys.unraisablehook = told_again
    try:
        yield
    finally:
        sys.unraisablehook = told
        signal.signal(signal.SIGTERM, before)


def let_go() -> None:
    """The last thing before the exit code. What could not be written, as to a terminal that has closed, is written
    nowhere: Python would try again at its end, and put 120 in the code's place. Ctrl-C from now on ends what is left of
    Python, without words."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _terminate(number: int, _: object) -> NoReturn:
    # A second one must not tear the cleaning up apart.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(TERMINATED)


def _signal_of(swallowed: BaseException | None) -> signal.Signals | None:
    """Python drops what is raised in a finalizer or as a half-read generator is closed, also what a signal's handler
    raised there: whoever watches on would never end."""
    if isinstance(swallowed, KeyboardInterrupt):
        return signal.SIGINT
    ended = isinstance(swallowed, SystemExit) and swallowed.code == TERMINATED
    return signal.SIGTERM if ended else None


def _send_again(number: signal.Signals) -> None:
    """Later, and from another thread: here the handler would run inside of the hook, and be dropped once more."""
    if number is signal.SIGTERM:
        signal.signal(number, _terminate)
    again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
