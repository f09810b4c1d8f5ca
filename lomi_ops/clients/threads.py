"""Several questions at once, asked by threads that nobody has to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def all_at_once(call: Callable[[Item], Answer], items: Sequence[Item], *, most: int = 16) -> list[Answer]:
    """What `call` gives for each, in their order, `most` at a time. Raises what the first of them in that order raised.

    Not a pool: the threads of one are waited for when the process ends, and a server that hangs would hold up Ctrl-C.
    """
    answers: dict[int, Answer] = {}
    failures: dict[int, BaseException] = {}
    left = list(range(len(items) - 1, -1, -1))

    def work() -> None:
        while True:
            try:
                number = left.pop()
            except IndexError:
                return
            try:
                answers[number] = call(items[number])
            except BaseException as failure:  # noqa: BLE001 - raised by whoever waits
                failures[number] = failure

    threads = [threading.Thread(target=work, name="lomi-ask", daemon=True) for _ in range(min(most, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[min(failures)]
    return [answers[number] for number in range(len(items))]
