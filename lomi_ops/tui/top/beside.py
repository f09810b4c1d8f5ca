"""What may wait, beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from lomi_ops.errors import LomiError

Answer = TypeVar("Answer")
AT_ONCE = 3
"""A look, the list of jobs, and a command."""


class Beside:
    """Hands answers to `post`, which must be safe to call from any thread. An error of ours is an answer; any other one
    rises where the answer is taken."""

    def __init__(self, post: Callable[[Callable[[], None]], object]) -> None:
        self._post = post
        self._pool = ThreadPoolExecutor(AT_ONCE, "top")

    def ask(self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None]) -> None:
        def answered() -> Answer | LomiError:
            try:
                return task()
            except LomiError as failure:
                return failure

        def hand_over(future: Future[Answer | LomiError]) -> None:
            if not future.cancelled():
                self._post(lambda: then(future.result()))

        self._pool.submit(answered).add_done_callback(hand_over)

    def close(self) -> None:
        """What runs is carried on to its end, what waits is not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
