"""When one person did something. Needs the schema `lomi`."""

from __future__ import annotations

from datetime import datetime

from lomi_ops.db.documents import readable
from lomi_ops.db.pool import Database

MOST = 5000
"""Decisions that are looked at."""


def has_reveals(db: Database) -> bool:
    """False on a schema of before."""
    return bool(db.value("has_table", name="lomi.reveals"))


def reveals(db: Database, actor: str, since: datetime) -> tuple[datetime, ...]:
    return tuple(db.all(_at, "care_reveals", actor=readable(actor), since=since))


def decisions(db: Database, actor: str, since: datetime) -> tuple[datetime, ...]:
    return tuple(db.all(_at, "care_decisions", actor=readable(actor), since=since, limit=MOST))


def _at(at: datetime) -> datetime:
    return at
