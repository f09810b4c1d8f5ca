from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from worker import signals


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in signals.STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_is_told_in_another_thread_though_the_main_one_holds_what_it_needs() -> None:
    """An Event's lock is not reentrant: a handler that sets an Event whose waiter it has interrupted hangs for ever."""
    told: list[tuple[int, str]] = []
    drain = threading.Event()

    def stop(number: int) -> None:
        told.append((number, threading.current_thread().name))
        drain.set()

    signals.relay(stop)
    with drain._cond:  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigpending()
    assert drain.wait(10)

    assert told == [(signal.SIGTERM, "signals")]
