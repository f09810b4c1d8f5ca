"""What lies before the people who review."""

from __future__ import annotations

from enum import StrEnum


class Pile(StrEnum):
    """Which photos to look at."""

    WAITING = "waiting"
    """For a person; what waits for a worker is on no pile."""
    REJECTED = "rejected"
    FAILED = "failed"
    ALL = "all"
