"""A long log judged by several processes, each a part at a time, all of them as of one moment.

The parts are answered in their order, so that whatever is added up of them comes out as if one had done it all. A child
that cannot be started, is let in by no server or dies costs its time only: its parts are judged here. Children end with
the one that started them: nobody reads what they write.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from lomi_ops.db import crew, replaying, reporting
from lomi_ops.db.pool import Database, Session
from lomi_ops.db.replaying import Ids
from lomi_ops.domain.window import Window
from lomi_ops.errors import LomiError

Answer = TypeVar("Answer")
Recipe = tuple[str, str, float]
Work = Callable[[Session, Ids], Answer]
"""What is made of a part. It crosses to another process, and so does the answer."""

PART = 10_000
"""Decisions, at most: so many that asking costs nothing, so few that no answer is large."""
ALONE = 3
"""Parts up to which starting others takes longer than it saves."""
MOST = 4
"""Processes: each takes some 60 MB, and the server needs cores, too."""


@dataclass(slots=True)
class _Child(Generic[Answer]):
    process: BaseProcess
    pipe: Connection

    def answer(self) -> Answer | None:
        """None where none came."""
        try:
            found: Answer | None = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return found


def shared(
    database: Database, session: Session, window: Window | None, work: Work[Answer]
) -> Iterator[tuple[Answer, int]]:
    """What is made of each part of the decisions of a window, in order, with how many are done by then, about."""
    span = replaying.span(session, window)
    parts = span.parts(PART)
    with _children(database, session, parts, work) as children:
        for place, ids in enumerate(parts):
            found = children[place % len(children)].answer() if children else None
            yield work(session, ids) if found is None else found, min(span.decisions, (place + 1) * PART)


@contextmanager
def _children(
    database: Database, session: Session, parts: Sequence[Ids], work: Work[Answer]
) -> Iterator[list[_Child[Answer]]]:
    number = min(MOST, len(os.sched_getaffinity(0)), len(parts))
    # Behind a pooler connections are few, and for everybody.
    if len(parts) <= ALONE or number < 2 or session.pooled:
        yield []
        return
    if not (moment := crew.moment(session)):
        yield []
        return
    with ExitStack() as stack:
        found: list[_Child[Answer]] = []
        with suppress(LomiError, OSError):
            for first in range(number):
                found.append(_started(database, moment, parts[first::number], work))
                stack.callback(_end, found[-1])
        yield found if len(found) == number else []


def _started(database: Database, moment: str, parts: Sequence[Ids], work: Work[Answer]) -> _Child[Answer]:
    # Neither the handle nor threads cross a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, database.recipe, moment, parts, work), daemon=True)
    try:
        process.start()
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return _Child(process, ours)


def _end(child: _Child[Answer]) -> None:
    child.pipe.close()
    child.process.terminate()
    child.process.join()


def _serve(pipe: Connection, recipe: Recipe, moment: str, parts: Sequence[Ids], work: Work[Answer]) -> None:
    """The child."""
    # A terminal's Ctrl-C is the parent's to hear, which then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    opened = Database.again(recipe)
    with suppress(LomiError, OSError), opened as database, reporting.beside(database, moment) as session:
        for ids in parts:
            pipe.send(work(session, ids))
