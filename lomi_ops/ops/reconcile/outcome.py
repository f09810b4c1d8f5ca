"""What a run of reconciling is told, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from lomi_ops.domain.reconcile import OLDER_THAN_S, Bucket
from lomi_ops.ops.unknowns import Unknown

LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Order:
    """What the operator asked for."""

    actor: str
    at: datetime
    older_than_s: float = OLDER_THAN_S
    limit: int = LIMIT
    """Photos to repair; batches are not cut."""
    include_dead: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that was put into the queue, or would be."""

    job_id: str | None
    """None in a dry run for photos that have no batch yet."""
    batch_id: UUID | None
    media_ids: tuple[UUID, ...]


@dataclass(slots=True)
class Outcome:
    """What a run found, and what it did or, in a dry run, would do."""

    dry_run: bool
    counts: Mapping[Bucket, int] = field(default_factory=dict)
    """Pending photos as they were found."""
    jobs: list[QueuedJob] = field(default_factory=list)
    adopted: int = 0
    """Photos of the old endpoint that got a batch."""
    applied: int = 0
    """Photos whose row was given the decision of the log."""
    known: int = 0
    """Photos whose job turned out to be queued already."""
    refused: list[str] = field(default_factory=list)
    """Why a job could not be queued."""
    missing: tuple[UUID, ...] = ()
    """Photos whose object the store does not have."""
    left: int = 0
    """Photos beyond the limit."""
    unknown: tuple[Unknown, ...] = ()

    @property
    def pending(self) -> int:
        return sum(self.counts.values())

    @property
    def queued(self) -> int:
        """Photos in `jobs`."""
        return sum(len(job.media_ids) for job in self.jobs)

    @property
    def repairable(self) -> int:
        return sum(count for bucket, count in self.counts.items() if bucket.repairable)

    @property
    def wrong(self) -> bool:
        """Something stays that needs a person, or another run."""
        stuck = any(count for bucket, count in self.counts.items() if bucket.stuck)
        return stuck or bool(self.missing or self.refused or self.left) or (self.dry_run and self.repairable > 0)
