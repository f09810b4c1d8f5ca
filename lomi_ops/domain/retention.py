"""How long what lomi wrote is kept, and from when on it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Place(StrEnum):
    """What has a limit of its own. Decisions have none: what holds, and why, is theirs to say."""

    JOBS = "jobs"
    JOB_ENDS = "job_ends"
    MESSAGES = "messages"
    CHECKPOINTS = "checkpoints"
    REVEALS = "reveals"
    ALERTS = "alerts"
    REMODERATED = "remoderated"
    AUDIT_TEXT = "audit_text"


WHAT: Mapping[Place, str] = {
    Place.JOBS: "settled jobs in the ledger, none of whose photos is still pending",
    Place.JOB_ENDS: "how other jobs ended",
    Place.MESSAGES: "messages that were published",
    Place.CHECKPOINTS: "what was known of jobs in hand",
    Place.REVEALS: "who made which photo visible",
    Place.ALERTS: "deliveries of alerts that have ended",
    Place.REMODERATED: "what came of each photo of runs of lomi remoderate that have ended",
    Place.AUDIT_TEXT: "the words of audit entries; their places in the chain stay",
}


@dataclass(frozen=True, slots=True)
class Limit:
    place: Place
    days: int | None
    """None: for ever."""

    def before(self, now: datetime) -> datetime | None:
        """What is older than this goes."""
        return None if self.days is None else now - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Kept:
    """How one place stands against its limit."""

    limit: Limit
    before: datetime | None
    due: int
    """Rows beyond the limit that would go."""
    held: int
    """Rows beyond the limit that stay, of users on whom there is a legal hold."""
    oldest: datetime | None
    """Of all rows there."""
    more: bool
    """Whether there may be more: counting stopped."""
