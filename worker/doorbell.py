"""How idle slots wait for work."""

from __future__ import annotations

import threading
from enum import StrEnum

from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.line import Line


class Bell(StrEnum):
    """What a slot that waited has to do."""

    RANG = "rang"
    """Claim: the list has an element."""
    SILENT = "silent"
    """Claim, for all slots: nothing was heard, but something may have come due or may lie in another list."""
    NAPPED = "napped"
    """Nothing: another slot was at the door and has heard nothing."""


class Doorbell:
    """One blocking wait per process, however many slots: the others nap until the one at the door hears something.

    While nothing is heard, only the slot that was at the door asks for a job now and then, for all of them: so an idle
    process costs the same with one slot and with twenty.
    """

    def __init__(self, queue: JobQueue, line: Line) -> None:
        self._queue = queue
        self._line = line
        self._changed = threading.Condition()
        self._at_door = False
        self._news = 0

    def ring(self, timeout_s: float) -> Bell:
        """Returns when the list has an element, or after about `timeout_s`. Raises RedisUnavailable."""
        if timeout_s <= 0:
            return Bell.SILENT
        with self._changed:
            if self._at_door:
                # Under one lock with the question: the bell cannot have rung in between.
                known = self._news
                self._changed.wait(timeout_s)
                return Bell.NAPPED if self._news == known else Bell.RANG
            self._at_door = True
        heard = True  # trouble concerns all of them, too
        try:
            heard = self._queue.wait(self._line, timeout_s)
        finally:
            with self._changed:
                self._at_door = False
                self._news += heard
                self._changed.notify_all()
        return Bell.RANG if heard else Bell.SILENT

    def stir(self) -> None:
        """A job was found although the bell was silent (delayed, of high priority, in bulk): there may be more."""
        with self._changed:
            self._news += 1
            self._changed.notify_all()
