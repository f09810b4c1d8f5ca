"""Connections that read as of one moment, so that questions are asked at once that need no answer of each other."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from lomi_ops.db.pool import Database
from lomi_ops.db.session import Session
from lomi_ops.errors import LomiError

Answer = TypeVar("Answer")


class Crew(Session):
    """A session, and others that see what it sees."""

    def __init__(self, own: Session, others: Sequence[Session]) -> None:
        super().__init__(own._connection, own._gate)
        self.all_of_it = (own, *others)
        self._free: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for each in self.all_of_it:
            self._free.put(each)
        self._threads = ThreadPoolExecutor(len(self.all_of_it), "lomi-crew")

    def soon(self, ask: Callable[[Session], Answer]) -> Callable[[], Answer]:
        """Asks on the first session that is free; gives the way to the answer."""
        return self._threads.submit(self._asked, ask).result

    def give_up(self) -> None:
        """Nobody waits any more for what is still asked."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self.all_of_it:
            each.cancel()

    def end(self) -> None:
        self._threads.shutdown()

    def _asked(self, ask: Callable[[Session], Answer]) -> Answer:
        session = self._free.get()
        try:
            return ask(session)
        finally:
            self._free.put(session)


@contextmanager
def reading(db: Database, others: int) -> Iterator[Session]:
    """A transaction that only reads, and up to so many beside it that read the same moment: as many as the server lets
    in, and none where a pooler stands in between, whose few connections are for everybody."""
    with ExitStack() as stack:
        own = stack.enter_context(db.snapshot())
        beside = [] if own.pooled else _beside(db, own, others, stack)
        if not beside:
            yield own
            return
        crew = Crew(own, beside)
        stack.callback(crew.end)
        try:
            yield crew
        except BaseException:
            crew.give_up()
            raise


def _beside(db: Database, own: Session, others: int, stack: ExitStack) -> list[Session]:
    found: list[Session] = []
    with suppress(LomiError):
        name = str(own.value("session_snapshot")) if others else ""
        for _ in range(others):
            found.append(stack.enter_context(db.beside(name)))
    return found
