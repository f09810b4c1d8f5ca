"""Looking through the audit."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.db import audit
from lomi_ops.db.audit import Entry, EntryFilter
from lomi_ops.db.pool import Database
from lomi_ops.errors import ExitCode, LomiError, NotFound
from lomi_ops.ops.unknowns import Unknown

NO_AUDIT = Unknown("there is no audit here: who did what is not recorded", "lomi migrate apply")


class NoAudit(LomiError):
    """There is nothing that could be shown, exported or verified."""

    exit_code = ExitCode.UNKNOWN


@dataclass(frozen=True, slots=True)
class Found:
    entries: tuple[Entry, ...]
    more: bool
    unknown: tuple[Unknown, ...] = ()


def listed(database: Database, wanted: EntryFilter, limit: int) -> Found:
    """The latest first."""
    if not audit.has_chain(database):
        return Found((), False, (NO_AUDIT,))
    rows = audit.listed(database, wanted, limit=limit + 1)
    return Found(rows[:limit], len(rows) > limit)


def one(database: Database, seq: int) -> Entry:
    """By its place in the chain. Raises NoAudit, NotFound."""
    require_audit(database)
    found = audit.get(database, seq)
    if found is None:
        raise NotFound(
            f"the audit has no entry {seq}", hint="lomi audit list; lomi audit verify tells if it is missing"
        )
    return found


def require_audit(database: Database) -> None:
    """Raises NoAudit."""
    if not audit.has_chain(database):
        raise NoAudit(NO_AUDIT.what, hint=NO_AUDIT.command)
