"""A forked process (`forked.py`), as the app sees it."""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
from concurrent.futures import Future
from typing import Any

from lomi_ops.errors import DatabaseUnavailable, LomiError

GREETING = 0
"""The number of what is said there first; those of calls are larger."""


class Caller:
    """For any thread; see `forked.Forked`."""

    def __init__(self, ask: int, answers: int) -> None:
        """Takes over two ends of pipes: to ask, and to hear answers."""
        self._ask, self._answers = os.fdopen(ask, "wb"), os.fdopen(answers, "rb")
        self._speaking = threading.Lock()
        self._lock = threading.Lock()
        """Never held while a pipe is waited for: answers must be heard while a question waits to be taken, else both
        sides could wait for each other."""
        self.greeting: Future[Any] = Future()
        self._waiting: dict[int, Future[Any]] = {GREETING: self.greeting}
        self._last = GREETING
        self._over = False
        self._reader = threading.Thread(target=self._read, name="review-answers", daemon=True)
        self._reader.start()

    def wish(self, wish: object) -> None:
        """What is said first."""
        with self._speaking, contextlib.suppress(OSError):
            pickle.dump(wish, self._ask, pickle.HIGHEST_PROTOCOL)
            self._ask.flush()

    def call(self, method: str, arguments: tuple[object, ...]) -> Any:
        """Waits for the answer. Raises LomiError, DatabaseUnavailable where nobody is there any more."""
        answer: Future[Any] = Future()
        if not self._say(method, arguments, answer):
            raise _gone()
        return answer.result()

    def tell(self, method: str, arguments: tuple[object, ...]) -> None:
        """What comes of it is not told."""
        self._say(method, arguments, None)

    def close(self) -> None:
        """Waits until nobody is there any more."""
        with self._lock:
            self._over = True
        with self._speaking, contextlib.suppress(OSError):
            self._ask.close()
        self._reader.join()
        self._answers.close()

    def _say(self, method: str, arguments: tuple[object, ...], answer: Future[Any] | None) -> bool:
        """Whether somebody is there to hear it."""
        with self._speaking:
            number = self._expected(answer)
            if number is None:
                return False
            try:
                pickle.dump((number, method, arguments, answer is None), self._ask, pickle.HIGHEST_PROTOCOL)
                self._ask.flush()
            except OSError:
                with self._lock:
                    self._waiting.pop(number, None)
                return False
        return True

    def _expected(self, answer: Future[Any] | None) -> int | None:
        """A number for a question; None where nobody hears it any more."""
        with self._lock:
            if self._over:
                return None
            self._last += 1
            if answer is not None:
                self._waiting[self._last] = answer
            return self._last

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                number, failed, answer = pickle.load(self._answers)  # noqa: S301 - a process of ours
                with self._lock:
                    waiting = self._waiting.pop(number, None)
                if waiting is None:
                    continue
                if failed:
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        with self._lock:
            self._over = True
            left, self._waiting = list(self._waiting.values()), {}
        for waiting in left:
            waiting.set_exception(_gone())


def _gone() -> LomiError:
    return DatabaseUnavailable(
        "the process that speaks with the database has ended", hint="leave with q, and start lomi review again"
    )
