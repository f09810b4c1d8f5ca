"""How a worker is, kept up to date for its health note."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from worker import health
from worker.health import Health, HealthNotWritten

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Vitals:
    """Each field has one writer; `note` may be called from any thread."""

    file: Path
    stuck_after_s: float
    state: str = "starting"
    trouble: str = ""
    """What is out now; empty for nothing."""
    claimed_at: float = field(default_factory=time.monotonic)
    """When Redis last answered a claim; monotonic seconds."""
    _unwritten: str = ""

    def ready(self) -> None:
        self.state, self.trouble, self.claimed_at = "ready", "", time.monotonic()
        self.note()

    def claim_answered(self) -> None:
        self.claimed_at = time.monotonic()

    def note(self) -> None:
        """Writes the note. What is out goes before `ready`: a restart would cure nothing. A note that cannot be written
        is logged once."""
        state = "waiting" if self.trouble and self.state == "ready" else self.state
        pid = os.getpid()
        unclaimed_s = time.monotonic() - self.claimed_at
        note = Health(pid, state, time.time(), unclaimed_s, self.trouble, self.stuck_after_s, health.birth(pid))
        try:
            health.write(self.file, note)
        except HealthNotWritten as failure:
            if failure.message != self._unwritten:
                log.warning(failure.message, extra={"action": "health_failed"})
            self._unwritten = failure.message
        else:
            self._unwritten = ""
