from __future__ import annotations

import os
import signal
import subprocess
import sys
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


ELSEWHERE = """
import signal, threading
from lomi_ops.config.schema import Settings
from worker.run import Worker
from worker.signals import relay

settings = Settings()
worker = Worker(settings, settings.active_policy("local"))
relay(worker.on_signal)
asleep = threading.Timer(0.3, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
asleep.start()
worker._run_slots([])
"""


def test_a_signal_that_does_not_wake_the_main_thread_is_heard_all_the_same() -> None:
    """Here another thread gets it; one that arrives just before the main thread falls asleep is no different."""
    subprocess.run([sys.executable, "-c", ELSEWHERE], timeout=60, check=True)
