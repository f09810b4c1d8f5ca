"""Whether this program may write to the schema that it finds: an older one beside a newer schema may or may not.

Every handle on the database asks before its first statement that writes, and again once a minute; so it holds for
workers and for commands, and for a worker that has been running since before the schema moved on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.db.migration import files
from lomi_ops.domain.level import Standing, standing
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.db.pool import Session

ASK_AGAIN_S = 60.0


class SchemaTooNew(DatabaseMisfit):
    """The schema has moved on and says that this program must not write to it any more."""

    exit_code = ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database remembers it."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    oldest_writer: int
    """The lowest level of a program that may still write beside it."""
    program: str
    """The version of lomi that applied it; empty where that was not noted."""

    @property
    def label(self) -> str:
        return files.label(self.version, self.name)


def applied(session: Session) -> tuple[Applied, ...]:
    """In order; none without the schema. Raises DatabaseMisfit, through the session, where this role may not look."""
    recorded = session.value("has_table", name="lomi.schema_migrations")
    return tuple(session.all(Applied, "migrations_applied")) if recorded else ()


def newer_than_us(found: tuple[Applied, ...]) -> tuple[Applied, ...]:
    return tuple(entry for entry in found if entry.version > files.level())


def require_writer(found: tuple[Applied, ...]) -> str:
    """Empty where this program fits; a warning where the schema is newer and this program may write all the same.

    Raises SchemaTooNew where it must not.
    """
    newer = newer_than_us(found)
    match standing(files.level(), [entry.oldest_writer for entry in newer]):
        case Standing.FITS:
            return ""
        case Standing.OLDER:
            return (
                f"the database has {_names(newer)}, which this lomi does not know; it may still write: {upgrade(newer)}"
            )
        case Standing.TOO_OLD:
            wanted = max(entry.oldest_writer for entry in newer)
            text = f"the database has {_names(newer)}: who writes there must know {wanted:04}"
            raise SchemaTooNew(f"{text}, and this lomi knows {files.level():04}", hint=upgrade(newer))


def upgrade(newer: tuple[Applied, ...]) -> str:
    """The command that installs a lomi which knows these."""
    program = newer[-1].program if newer else ""
    return f"pip install 'lomi-ops>={program}'" if program else "pip install --upgrade lomi-ops"


def _names(newer: tuple[Applied, ...]) -> str:
    made = f" (made by lomi {newer[-1].program})" if newer[-1].program else ""
    return ", ".join(entry.label for entry in newer) + made


class Gate:
    """Asked before every statement that writes. Any thread may ask; two at once do no harm."""

    def __init__(self, tell: Callable[[str], None], *, elapsed: Callable[[], float] = time.monotonic) -> None:
        """`tell` hears once that the schema is newer."""
        self._tell = tell
        self._elapsed = elapsed
        self._asked_at: float | None = None
        self._told = ""

    def admit(self, session: Session) -> None:
        """Raises SchemaTooNew, and what the session raises."""
        now = self._elapsed()
        if self._asked_at is not None and now - self._asked_at < ASK_AGAIN_S:
            return
        warning = require_writer(applied(session))
        self._asked_at = now
        if warning != self._told:
            self._told = warning
            if warning:
                self._tell(warning)
