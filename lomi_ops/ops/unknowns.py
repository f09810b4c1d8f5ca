"""What a cluster cannot tell us yet, and the command that would make it known.

Old workers leave nothing but `media` behind: no registration, no leases, no decision log. Numbers that look like an
answer there (0 running) would be untrue without these words beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that nobody recorded."""

    what: str
    command: str
    """Makes it known from then on."""


WORKERS = Unknown("old workers do not register: how many there are, and what they hold, is not known", "lomi worker")
LOG = Unknown(
    "there is no decision log: what engines saw, who decided, and with which policy, is not known", "lomi migrate apply"
)


LATELY = Unknown("what jobs and engines took lately is not known from one look", "lomi top")


def of_workers(registered: int) -> tuple[Unknown, ...]:
    return () if registered else (WORKERS,)


def of_record(database: Database) -> tuple[Unknown, ...]:
    """Raises DatabaseUnavailable."""
    from lomi_ops.db.media import has_lomi_schema  # the queue's commands need no driver of Postgres

    return () if has_lomi_schema(database) else (LOG,)
