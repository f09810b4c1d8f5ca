"""What is known about the photos of a job in hand, so that the next attempt need not begin again.

A checkpoint is gone when its job is settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import decision_document, decision_of, jsonb
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One photo of a job in hand."""

    media_id: UUID
    crashes: int
    """Judging processes that died over it."""
    decision: PhotoDecision | None
    """None where it is not judged yet."""


def save(db: Database, job_id: str, decision: PhotoDecision, *, at: datetime) -> None:
    """Keeps the decision on one photo until its job is settled; a later one replaces it."""
    document = jsonb(decision_document(decision))
    db.run("checkpoint_save", job_id=job_id, media_id=decision.media_id, decision=document, at=at)


def load(db: Database, job_id: str) -> dict[UUID, Checkpoint]:
    """What is known, by photo; empty for a job that nobody began."""
    return {checkpoint.media_id: checkpoint for checkpoint in db.all(_checkpoint, "checkpoints_of", job_id=job_id)}


def note_crash(db: Database, job_id: str, media_id: UUID, *, at: datetime) -> int:
    """Counts a judging process that died over this photo; how many did so far."""
    return int(db.value("checkpoint_crash", job_id=job_id, media_id=media_id, at=at))


def clear(db: Database, job_id: str) -> int:
    """Forgets a job that is given up; how many photos were known."""
    return db.run("checkpoints_clear", job_id=job_id)


def sweep(db: Database, *, before: datetime) -> int:
    """Forgets what was last touched before a moment: jobs that never came back."""
    return db.run("checkpoints_sweep", before=before)


def _checkpoint(media_id: UUID, crashes: int, decision: Any) -> Checkpoint:
    return Checkpoint(media_id, crashes, decision_of(decision) if decision else None)
