"""Bringing the stack's database to what the workers need, before the first of them starts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from lomi_ops.errors import LomiError
from lomi_ops.ops.local import logs
from lomi_ops.ops.local.part import pause_s
from lomi_ops.ops.local.postgres import ensure_database
from lomi_ops.ops.local.state import StackState

_SHORTEST_PAUSE_S = 0.2

_LOG = logging.getLogger(__name__)


class Prepare(Protocol):
    """Brings the database at this URL to what the workers need; may run any number of times."""

    def __call__(self, url: str, /) -> None: ...


def prepare_database(url: str, /) -> None:
    """The contract's tables and lomi's own schema."""
    from lomi_ops.db.bootstrap import prepare

    prepare(url)


@dataclass(slots=True)
class Preparation:
    """Done once in a supervisor's life, so a new version of lomi migrates; tried again with growing pauses."""

    prepare: Prepare
    done: bool = False
    error: str = ""
    """Why the last try failed."""
    _failures: int = 0
    _not_before: float = 0.0

    def due(self, now: float) -> bool:
        return not self.done and now >= self._not_before

    def hurry(self) -> None:
        """Lets the next try come at once."""
        self._not_before = 0.0

    def advance(self, state: StackState, now: float) -> None:
        """One try, if one is due. Both services have to run."""
        if not self.due(now):
            return
        try:
            ensure_database(state)
            self.prepare(state.database_url())
        except Exception as problem:  # noqa: BLE001 - whatever it is, the workers wait and `up` says why
            _LOG.exception("the database could not be prepared")
            self._failures += 1
            self._not_before = now + max(_SHORTEST_PAUSE_S, pause_s(self._failures))
            self.error = f"the database could not be prepared: {sentence(problem)}"
        else:
            self.done, self._failures, self.error = True, 0, ""


def sentence(problem: Exception) -> str:
    """One line of an error that may be shown. Only these texts are known to hold no secret."""
    if isinstance(problem, LomiError):
        return problem.message
    told = isinstance(problem, OSError | ImportError) or type(problem).__module__.startswith("psycopg")
    return (logs.reason(str(problem).split("\n", 1)[0]) if told else "") or type(problem).__name__
