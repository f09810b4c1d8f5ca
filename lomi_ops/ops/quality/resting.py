"""The shift of one person, and whether a break is due: shown to that person only."""

from __future__ import annotations

from datetime import datetime

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db import care
from lomi_ops.db.pool import Database
from lomi_ops.domain.care import LONGEST, Limits, Shift, reminder, shift


def shift_of(database: Database, actor: str, *, now: datetime) -> Shift:
    """None of a shift where the schema has no place for it."""
    if not care.has_reveals(database):
        return Shift(None)
    since = now - LONGEST
    return shift(care.reveals(database, actor, since), care.decisions(database, actor, since), now)


def reminder_for(database: Database, actor: str, section: ReviewSection, *, now: datetime) -> str:
    """One sentence where a break is due, else nothing. To be asked after each reveal."""
    limits = Limits(section.break_after_reveals, section.break_after_minutes)
    return reminder(shift_of(database, actor, now=now), limits)
