"""The inside of a forked process (`forked.py`): opens what is served, and carries out calls."""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lomi_ops.errors import ConfigError, LomiError
from lomi_ops.tui.review.caller import GREETING
from lomi_ops.tui.review.forked import Opening

_AT_ONCE = 5


class Service:
    """One such process."""

    def __init__(self, asked: int, answer: int, scrub: Callable[[str], str]) -> None:
        """Takes over two ends of pipes: what is asked, and where it is answered."""
        self._asked, self._answer_to, self._scrub = os.fdopen(asked, "rb"), os.fdopen(answer, "wb"), scrub
        self._lock = threading.Lock()

    def run(self, ready: Callable[[], Opening]) -> None:
        """Until nobody asks any more. What is opened may warn on the terminal; after the greeting that is the app's."""
        _silence(0)
        try:
            opening = ready()
            with opening(pickle.load(self._asked)) as (greeting, served):  # noqa: S301 - the app's
                _silence(1, 2)
                self._answer(GREETING, False, greeting)
                self._serve(served)
        except EOFError:  # nobody wants anything
            return
        except Exception as failure:  # noqa: BLE001 - whoever asked is told of all
            self._answer(GREETING, True, self._told(failure))

    def _serve(self, served: object) -> None:
        with ThreadPoolExecutor(_AT_ONCE, "desk") as pool:
            while True:
                try:
                    number, method, arguments, inline = pickle.load(self._asked)  # noqa: S301 - the app's
                except (EOFError, OSError):
                    return
                if inline:
                    self._carry_out(number, getattr(served, method), arguments)
                else:
                    pool.submit(self._carry_out, number, getattr(served, method), arguments)

    def _carry_out(self, number: int, method: Callable[..., object], arguments: tuple[object, ...]) -> None:
        try:
            answer, failed = method(*arguments), False
        except Exception as failure:  # noqa: BLE001
            answer, failed = self._told(failure), True
        self._answer(number, failed, answer)

    def _answer(self, number: int, failed: bool, answer: object) -> None:
        with self._lock, contextlib.suppress(OSError):
            pickle.dump((number, failed, answer), self._answer_to, pickle.HIGHEST_PROTOCOL)
            self._answer_to.flush()

    def _told(self, failure: Exception) -> Exception:
        """What is ours crosses as it is; anything else is a bug, and rises there with where it was."""
        if not isinstance(failure, LomiError):
            return RuntimeError(self._scrub("".join(traceback.format_exception(failure))))
        failure.message = self._scrub(failure.message)
        failure.args = (failure.message,)
        if isinstance(failure, ConfigError):
            failure.problems = tuple(map(self._scrub, failure.problems))
        return failure


def _silence(*descriptors: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
