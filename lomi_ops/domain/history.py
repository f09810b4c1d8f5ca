"""How jobs ended, for people who ask later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that ended without the ledger, or what was done about one, as the queue tells it."""

    entry: str
    """Its id in the stream: what is told twice is kept once."""
    job_id: str
    what: str
    """dead, cancelled, lost; or requeued, undone, purged."""
    at_ms: int
    """By the queue's clock, as all times here."""
    note: str
    """The code of a dead letter."""
    slot: str
    host: str
    """Empty where its worker is not registered any more."""
    attempt: int
    first_seen_ms: int | None
    claimed_ms: int | None
    error_class: str
    error: str
    user: str
    """As its element says; may be no UUID."""
    batch: str
    photos: int


class Outcome(StrEnum):
    """What history can be asked for."""

    DONE = "done"
    APPROVED = "approved"
    """At least one photo of the job."""
    REJECTED = "rejected"
    FAILED = "failed"
    IN_REVIEW = "in_review"
    SKIPPED = "skipped"
    """Settled, and no photo was its to decide."""
    DEAD = "dead"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class PastJob:
    """One end of a job. A job that was requeued after its death may have several."""

    at: datetime
    job_id: str
    what: str
    """done, dead, cancelled or lost."""
    note: str
    """The code of a dead letter, or empty."""
    error: str
    user_id: UUID | None
    photos: int
    attempt: int
    worker: str
    """Its slot; empty where no worker had it."""
    host: str
    waited_s: float | None
    """Between the first look at it and its last claim; None where no worker took it, or nobody noted when."""
    took_s: float | None
    """From its last claim to its end; None likewise."""
    approved: int
    rejected: int
    failed: int
    in_review: int
    after: str
    """What was done about it later: requeued, undone or purged; or empty."""
    after_at: datetime | None
    submission_id: UUID | None
    submitted_by: str | None

    @property
    def outcome(self) -> str:
        """In words: `2 approved, 1 rejected`, `dead: poison_crash, requeued`."""
        if self.what != "done":
            words = f"{self.what}: {self.note}" if self.note else self.what
            return f"{words}, {self.after}" if self.after else words
        counts = (
            (self.approved, "approved"),
            (self.rejected, "rejected"),
            (self.failed, "failed"),
            (self.in_review, "in review"),
        )
        return ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing left to decide"
