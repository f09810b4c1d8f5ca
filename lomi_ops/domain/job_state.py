"""Where a job is."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is. Every job is in exactly one of these."""

    READY = "ready"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Nothing more will happen by itself."""
        return self in (JobState.DONE, JobState.DEAD, JobState.CANCELLED)


OPEN = frozenset({JobState.READY, JobState.DELAYED, JobState.RUNNING, JobState.DEAD})
"""What an operator may want to do something about; finished and cancelled jobs are remembered only."""
