"""Questions that are asked at once, and who waits for the answers."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from lomi_ops.clients.threads import all_at_once


def test_answers_come_in_the_order_of_the_questions_and_all_are_asked_at_once() -> None:
    together = threading.Barrier(5)

    def ask(number: int) -> int:
        together.wait(30)
        return number * 10

    assert all_at_once(ask, [3, 1, 2, 5, 4]) == [30, 10, 20, 50, 40]


def test_no_more_than_so_many_at_a_time() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    pairs = threading.Barrier(2)

    def ask(number: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        pairs.wait(30)
        with lock:
            running[0] -= 1
        return number

    assert all_at_once(ask, range(8), most=2) == list(range(8))
    assert most[0] == 2


def test_nothing_to_ask_is_no_answer() -> None:
    assert all_at_once(str, []) == []


def test_the_first_failure_by_the_order_of_the_questions_is_raised() -> None:
    def ask(number: int) -> int:
        if number:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match=r"^1$"):
        all_at_once(ask, [0, 1, 2])


def test_a_question_that_hangs_holds_up_no_exit() -> None:
    code = """
import threading
from lomi_ops.clients.threads import all_at_once
asked = threading.Event()
def hang(number):
    asked.set()
    threading.Event().wait()
threading.Thread(target=all_at_once, args=(hang, [1, 2]), daemon=True).start()
assert asked.wait(30)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
