"""What tells a worker to stop: signals, operators, and its own discovery that it cannot go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from lomi_ops.errors import LomiError

STOPPING = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Signals:
    """What the main thread tells the slots."""

    drain: threading.Event = field(default_factory=threading.Event)
    """Claim nothing more."""
    give_back: threading.Event = field(default_factory=threading.Event)
    """Give back what is in hand, now."""
    fatal: list[LomiError] = field(default_factory=list)
    """Why the worker cannot go on."""

    def stop_for(self, failure: LomiError) -> None:
        self.fatal.append(failure)
        self.drain.set()


def relay(told: Callable[[int], None]) -> None:
    """From now on `told` is called with each stopping signal, in a thread of its own.

    Python runs a handler between any two steps of the main thread, which may hold a lock (of an Event, of the log) that
    the handler then waits for, for ever. A SimpleQueue takes none.
    """
    arrived: SimpleQueue[int] = SimpleQueue()
    for number in STOPPING:
        signal.signal(number, lambda number, _: arrived.put(number))

    def listen() -> None:
        while True:
            told(arrived.get())

    threading.Thread(target=listen, name="signals", daemon=True).start()
