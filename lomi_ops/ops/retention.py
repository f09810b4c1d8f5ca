"""Keeping what lomi wrote within its limits, a little at a time while everything runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from lomi_ops.config.sections.operating import RetentionSection
from lomi_ops.db import audit, retention
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.domain.retention import Kept, Limit, Place
from lomi_ops.ops.audit.look import require_audit

ROWS = 2_000
"""In one transaction."""
REST = 0.5
"""The part of a transaction's time that is left to others after it."""
_SUBJECT = "retention"


def limits(section: RetentionSection) -> tuple[Limit, ...]:
    return tuple(Limit(place, getattr(section, f"{place}_days")) for place in Place)


def look(db: Database, wanted: Sequence[Limit], now: datetime) -> tuple[Kept, ...]:
    """How each place stands against its limit. Raises NoAudit where there is no record of lomi's."""
    require_audit(db)
    found = retention.held(db)
    return tuple(retention.kept(db, limit, now, found) for limit in wanted)


def trim(
    db: Database,
    wanted: Sequence[Limit],
    *,
    actor: str,
    now: datetime,
    rows: int = ROWS,
    rest: Callable[[float], None] = time.sleep,
) -> Mapping[Place, int]:
    """Removes what is beyond its limit; how many rows of each place, none where there were none.

    What it is about to do and what it did are in the audit, where there is anything to do. Whoever interrupts it leaves
    a shorter rest. Raises LockHeld where another run is at work.
    """
    before = {each.limit.place: each for each in look(db, wanted, now) if each.due}
    if not before:
        return {}
    found = retention.held(db)
    with retention.exclusive(db) as session:
        _note(session, actor, now, {"due": {str(place): each.due for place, each in before.items()}})
        gone = {place: _emptied(session, each, found, actor, now, rows, rest) for place, each in before.items()}
        gone = {place: number for place, number in gone.items() if number}
        _note(session, actor, now, {"gone": {str(place): number for place, number in gone.items()}})
    return gone


def _emptied(
    session: Session, kept: Kept, found: retention.Held, actor: str, now: datetime, rows: int,
    rest: Callable[[float], None],
) -> int:  # fmt: skip
    gone, place, before = 0, kept.limit.place, kept.before
    assert before is not None
    while True:
        began = time.monotonic()
        if place is Place.AUDIT_TEXT:
            went = retention.trim_audit(session, before, found, rows, actor=actor, at=now)
        else:
            went = retention.trim(session, place, before, found, rows)
        gone += went
        if went < rows:
            return gone
        rest((time.monotonic() - began) * REST)


def _note(session: Session, actor: str, now: datetime, after: Mapping[str, object]) -> None:
    with session.transaction():
        audit.record_on(session, AuditEntry(actor, Action.TRIM, _SUBJECT, now, after=after))
