"""Threads beside the event loop: one for orders, which keep their order, some for questions, some for photos."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from lomi_ops.errors import LomiError

Answer = TypeVar("Answer")


class Background:
    """Runs tasks and hands their answers to whoever `attend`s; until somebody does, they are kept.

    What is asked begins when the screen shows what the key did: the threads of a process take turns, and the key is
    first.
    """

    def __init__(self) -> None:
        self._post: Callable[[Callable[[], None]], object] | None = None
        self._painted: Callable[[Callable[[], None]], object] | None = None
        self._answers: deque[Callable[[], None]] = deque()
        self._asked: deque[Callable[[], None]] = deque()
        self._orders = ThreadPoolExecutor(1, "review-orders")
        self._questions = ThreadPoolExecutor(2, "review-questions")
        self._photos = ThreadPoolExecutor(2, "review-photos")

    def attend(
        self, post: Callable[[Callable[[], None]], object], painted: Callable[[Callable[[], None]], object]
    ) -> None:
        """From now on answers go to `post`, which must be safe to call from any thread, and tasks begin when `painted`
        calls back."""
        self.catch_up()
        self._post, self._painted = post, painted
        self._hand_over()
        painted(self._begin)

    def catch_up(self) -> None:
        """Takes the answers that are there, here and now, on the thread that will attend. What they ask for waits for
        the first paint."""
        self._painted = self._painted or (lambda begin: None)
        while self._answers:
            self._answers.popleft()()

    def ask(
        self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None], *, order: bool = False
    ) -> None:
        """As `state.Runner`."""
        self._asked.append(lambda: self._submit(self._orders if order else self._questions, task, then))
        if self._painted is None:
            self._begin()
        else:
            self._painted(self._begin)

    def paint(self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None]) -> None:
        """For photos, which the screen waits for."""
        self._submit(self._photos, task, then)

    def close(self) -> None:
        """What was ordered is still carried out; what was only asked is not."""
        self._begin()
        for pool in (self._photos, self._questions):
            pool.shutdown(wait=False, cancel_futures=True)
        self._orders.shutdown(wait=True)

    def _begin(self) -> None:
        while self._asked:
            self._asked.popleft()()

    def _submit(self, pool: ThreadPoolExecutor, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        def answered(future: Future[Any]) -> None:
            if not future.cancelled():
                self._answers.append(lambda: then(future.result()))
                self._hand_over()

        pool.submit(_answered, task).add_done_callback(answered)

    def _hand_over(self) -> None:
        """By any thread; each answer once."""
        while self._post is not None:
            try:
                answer = self._answers.popleft()
            except IndexError:
                return
            self._post(answer)


def _answered(task: Callable[[], Answer]) -> Answer | LomiError:
    """An error of ours is an answer; any other one is a bug, and rises where the answer is taken."""
    try:
        return task()
    except LomiError as failure:
        return failure
