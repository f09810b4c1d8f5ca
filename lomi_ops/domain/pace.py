"""How often a question may be asked: no oftener than its answer changes, and never for more than its share of the time
of whoever answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """Of one question. Times are monotonic seconds."""

    every_s: float
    share: float = 1.0
    """Of the time of whoever answers, 0..1: a question that takes 0.5 s at a share of 0.001 rests for 500 s."""
    due_at: float = float("-inf")

    def due(self, now: float) -> bool:
        return now >= self.due_at

    def asked(self, now: float, took_s: float = 0.0) -> None:
        """It was asked just before `now`, and answering took so long."""
        self.due_at = now + max(self.every_s, took_s / self.share)
