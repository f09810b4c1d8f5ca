"""Looking back: jobs that ended, and the latest submissions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lomi_ops.db import history, submissions
from lomi_ops.db.pool import Database
from lomi_ops.domain.history import Outcome, PastJob
from lomi_ops.domain.submission import Progress
from lomi_ops.domain.window import Window
from lomi_ops.ops.jobs import watch
from lomi_ops.ops.jobs.handles import Handles, require_record
from lomi_ops.ops.jobs.watch import Target
from lomi_ops.ops.unknowns import Unknown

NO_HISTORY = Unknown("there is no record: how jobs ended before the swap is not known", "lomi migrate apply")


@dataclass(frozen=True, slots=True)
class Found:
    jobs: tuple[PastJob, ...]
    more: bool
    unknown: tuple[Unknown, ...] = ()


def look(database: Database, window: Window, *, user_id: UUID | None, outcome: Outcome | None, limit: int) -> Found:
    with database.session() as session:
        if not submissions.has_tables(session):
            return Found((), False, (NO_HISTORY,))
    rows = history.past_jobs(database, window, user_id=user_id, outcome=outcome, limit=limit + 1)
    return Found(rows[:limit], len(rows) > limit)


def recent(at: Handles, limit: int) -> list[tuple[Target, Progress]]:
    """The latest submissions first, with how far they are."""
    with at.database.session() as session:
        require_record(session)
    targets = [Target(each, None) for each in submissions.recent(at.database, limit)]
    return [(target, watch.look(at, target)) for target in targets]
