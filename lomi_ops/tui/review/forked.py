"""An object in a process of its own: whoever is here calls its methods there, from any thread, several at a time.

It is forked, so that what has been imported need not be imported again, and therefore begun before there are threads.
It has a session of its own: the terminal's signals are for the app, which then takes leave of it. It ends when the app
does, however that ends, since what it reads from then ends.

What either side needs besides is imported when there are two of them (`caller.py`, `service.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lomi_ops.tui.review.caller import Caller

Opening = Callable[[Any], AbstractContextManager[tuple[object, object]]]
"""Opens, for a wish, what is served there: a greeting for the app, and the object whose methods are called. Raises
LomiError."""


class Forked:
    """The other process, as whoever began it sees it. Nothing is imported here before it is used."""

    def __init__(self, pid: int, ask: int, answers: int) -> None:
        """Takes over two ends of pipes: to ask, and to hear answers."""
        self.pid = pid
        self._ends = (ask, answers)
        self._caller: Caller | None = None

    def open(self, wish: object) -> None:
        """Says what is wanted. From now on there is a thread that hears answers."""
        self._calling.wish(wish)

    def greeting(self) -> Any:
        """Waits for it. Raises LomiError where what is wanted cannot be opened."""
        return self._calling.greeting.result()

    def call(self, method: str, *arguments: object) -> Any:
        """Waits for the answer. Raises LomiError, DatabaseUnavailable where nobody is there any more."""
        return self._calling.call(method, arguments)

    def tell(self, method: str, *arguments: object) -> None:
        """Carried out there before anything that is said later; what comes of it is not told."""
        self._calling.tell(method, arguments)

    def close(self) -> None:
        """What it is at is still carried out; then it ends."""
        self._calling.close()
        os.waitpid(self.pid, 0)

    @property
    def _calling(self) -> Caller:
        if self._caller is None:
            from lomi_ops.tui.review.caller import Caller

            self._caller = Caller(*self._ends)
        return self._caller


def forked(ready: Callable[[], Opening], scrub: Callable[[str], str]) -> Forked:
    """Begins a process. `ready` is called there at once, the opening that it gives when somebody says what is wanted;
    `scrub` knows by then what is secret, and takes it out of words that are not ours."""
    asked, ask = os.pipe()
    answers, answer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        os.close(ask)
        os.close(answers)
        _serve(asked, answer, ready, scrub)
    os.close(asked)
    os.close(answer)
    return Forked(pid, ask, answers)


def _serve(asked: int, answer: int, ready: Callable[[], Opening], scrub: Callable[[str], str]) -> None:
    code = 1
    try:
        os.setsid()
        from lomi_ops.tui.review.service import Service

        Service(asked, answer, scrub).run(ready)
        code = 0
    finally:
        # Not the way of the process that this is a copy of: its cleaning up is its own.
        os._exit(code)
