"""Threads beside the event loop: one for orders, which keep their order, some for questions, some for photos."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from lomi_ops.errors import LomiError

Answer = TypeVar("Answer")


class Background:
    """Runs tasks and hands their answers to `post`, which must be safe to call from any thread."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._orders = ThreadPoolExecutor(1, "review-orders")
        self._questions = ThreadPoolExecutor(2, "review-questions")
        self._photos = ThreadPoolExecutor(2, "review-photos")

    def ask(
        self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None], *, order: bool = False
    ) -> None:
        """As `reviewing.Runner`."""
        self._submit(self._orders if order else self._questions, task, then)

    def paint(self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None]) -> None:
        self._submit(self._photos, task, then)

    def close(self) -> None:
        """What was ordered is still carried out; what was only asked is not."""
        for pool in (self._photos, self._questions):
            pool.shutdown(wait=False, cancel_futures=True)
        self._orders.shutdown(wait=True)

    def _submit(self, pool: ThreadPoolExecutor, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        def hand_over(future: Future[Any]) -> None:
            if not future.cancelled():
                self._post(lambda: then(future.result()))

        pool.submit(_answered, task).add_done_callback(hand_over)


def _answered(task: Callable[[], Answer]) -> Answer | LomiError:
    """An error of ours is an answer; any other one is a bug, and rises where the answer is taken."""
    try:
        return task()
    except LomiError as failure:
        return failure
