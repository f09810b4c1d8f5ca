"""What the Postgres server says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lomi_ops.db.pool import Database

LARGE = 1_000_000
"""Rows from which a table is not read as a whole only to look whether all is well."""


@dataclass(frozen=True, slots=True)
class Load:
    open: int
    """Connections of clients, ours included."""
    allowed: int
    """What is left to roles that are no superusers."""
    own: int
    """Those of lomi."""


@dataclass(frozen=True, slots=True)
class Role:
    standby: bool
    read_only: bool
    version: int
    """As server_version_num: 150018 is 15.18."""


@dataclass(frozen=True, slots=True)
class Tuning:
    synchronous: str
    """`synchronous_commit`"""
    buffers: int
    """Bytes of `shared_buffers`."""
    connections: float
    """The share of those that ordinary roles may have that is in use."""


def own_process(db: Database) -> tuple[int, str]:
    """The server's process that has a connection of ours, on the server's machine, and the database that its title
    names."""
    found = db.one(_Process, "server_own_process")
    assert found is not None
    return found.pid, found.name


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str


def tuning(db: Database) -> Tuning:
    found = db.one(Tuning, "server_tuning")
    assert found is not None
    return found


def load(db: Database) -> Load:
    found = db.one(Load, "server_load")
    assert found is not None
    return found


def role(db: Database) -> Role:
    found = db.one(Role, "server_role")
    assert found is not None
    return found


def received_until(db: Database) -> datetime | None:
    """The time up to which a replica shows what was written; None where that is everything."""
    found: datetime | None = db.value("replica_behind")
    return found


def longest_transaction_s(db: Database) -> float | None:
    """Seconds that the oldest transaction of anybody else is open; None where there is none."""
    found = db.value("server_longest")
    return None if found is None else float(found)


def unmigrated(db: Database, limit: int = 10_000, *, large: int = LARGE) -> int:
    """Rows of `media` that the backfill has not reached, `limit` at most. Of a `large` table a few that have no status
    may be overlooked, unlike by `lomi migrate verify`: whoever looks every minute must not read all of it."""
    return int(db.value("media_behind", limit=limit, large=large))
