"""Connections that read as of one moment, so that questions are asked at once that need no answer of each other."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from lomi_ops.db.pool import Database
from lomi_ops.db.session import Session
from lomi_ops.errors import LomiError

Answer = TypeVar("Answer")
_AGAIN_S = 0.05


class Crew(Session):
    """A session, and others that see what it sees."""

    def __init__(self, own: Session, others: Sequence[Session]) -> None:
        super().__init__(own._connection, own._gate)
        self.all_of_it = (own, *others)
        self._free: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for each in self.all_of_it:
            self._free.put(each)
        self._threads = ThreadPoolExecutor(len(self.all_of_it), "lomi-crew")
        self._told: list[Future[Any]] = []

    def soon(self, ask: Callable[[Session], Answer]) -> Callable[[], Answer]:
        """Asks on the first session that is free; gives the way to the answer."""
        told = self._threads.submit(self._asked, ask)
        self._told.append(told)
        return told.result

    def give_up(self) -> None:
        """Ends what is still asked. A thread between two statements hears nothing, so it is told until it ends."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while not all(told.done() for told in self._told):
            for each in self.all_of_it:
                each.cancel()
            time.sleep(_AGAIN_S)

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
    with db.session() as own, own.snapshot(), ExitStack() as stack:
        name = moment(own) if others and not own.pooled else ""
        beside = _beside(db, name, others, stack) if name else []
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


def moment(session: Session) -> str:
    """The name of what a transaction sees, for `Database.beside`; empty where this role may not name it."""
    return str(session.value("session_snapshot")) if session.value("session_may_name") else ""


def _beside(db: Database, name: str, others: int, stack: ExitStack) -> list[Session]:
    found: list[Session] = []
    with suppress(LomiError):
        for _ in range(others):
            found.append(stack.enter_context(db.beside(name)))
    return found
