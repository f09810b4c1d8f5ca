"""Keeping what lomi wrote within its limits, a little at a time while everything runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.config.sections.operating import RetentionSection
from lomi_ops.db import audit, remoderating, retention
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.domain.retention import Kept, Limit, Place
from lomi_ops.errors import Refused
from lomi_ops.ops.audit.look import require_audit

ROWS = 2_000
"""In one transaction."""
REST = 0.5
"""The part of a transaction's time that is left to others after it."""
_SUBJECT = "retention"


def limits(section: RetentionSection) -> tuple[Limit, ...]:
    return tuple(Limit(place, getattr(section, f"{place}_days")) for place in Place)


def look(db: Database, wanted: Sequence[Limit], now: datetime) -> tuple[Kept, ...]:
    """How each place stands against its limit. Raises NoAudit where there is no record of lomi's, Refused where it is
    of before."""
    require_audit(db)
    if not remoderating.counts_trimmed(db):
        raise Refused("the record here is of an older lomi: nothing can be trimmed", hint="lomi migrate apply")
    with db.session() as session:
        found = retention.held(session)
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
    a shorter rest. A legal hold that comes meanwhile holds from the next transaction on. Raises LockHeld where another
    run is at work.
    """
    before = {each.limit.place: each for each in look(db, wanted, now) if each.due}
    if not before:
        return {}
    with retention.exclusive(db) as session:
        _note(session, actor, now, {"due": {str(place): each.due for place, each in before.items()}})
        trimming = _Trimming(session, actor, now, rows, retention.held(session))
        gone = {place: trimming.emptied(each, rest) for place, each in before.items()}
        gone = {place: number for place, number in gone.items() if number}
        _note(session, actor, now, {"gone": {str(place): number for place, number in gone.items()}})
    return gone


@dataclass(slots=True)
class _Trimming:
    """One run."""

    session: Session
    actor: str
    now: datetime
    rows: int
    held: retention.Held

    def emptied(self, kept: Kept, rest: Callable[[float], None]) -> int:
        """Rows of one place that went."""
        gone, went = 0, self.rows
        assert kept.before is not None
        while went == self.rows:
            began = time.monotonic()
            try:
                went = self._some(kept.limit.place, kept.before)
            except retention.HoldsChanged:
                self.held = retention.held(self.session)
                continue
            gone += went
            if went == self.rows:
                rest((time.monotonic() - began) * REST)
        return gone

    def _some(self, place: Place, before: datetime) -> int:
        if place is Place.AUDIT_TEXT:
            return retention.trim_audit(self.session, before, self.held, self.rows, actor=self.actor, at=self.now)
        if place is Place.REMODERATED:
            return retention.trim_remoderated(self.session, before, self.held, self.rows)
        return retention.trim(self.session, place, before, self.held, self.rows)


def _note(session: Session, actor: str, now: datetime, after: Mapping[str, object]) -> None:
    with session.transaction():
        audit.record_on(session, AuditEntry(actor, Action.TRIM, _SUBJECT, now, after=after))
