"""What the use-cases of `lomi jobs` work on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import redis

from lomi_ops.db import submissions
from lomi_ops.db.pool import Database, Session
from lomi_ops.errors import LomiError
from lomi_ops.queue.jobs import JobQueue


@dataclass(frozen=True, slots=True)
class Handles:
    database: Database
    queue: JobQueue
    redis: redis.Redis
    bucket: str
    link: Callable[[str], str]
    """`r2_url` by key."""
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def require_record(session: Session) -> None:
    """Raises LomiError on a cluster without our tables, or with those of an older lomi."""
    if not submissions.has_tables(session):
        raise LomiError("this database has no record of submissions", hint="lomi migrate apply")
