"""When a message that could not be sent is tried again."""

from __future__ import annotations

FIRST_S, LONGEST_S = 10.0, 600.0


def pause_s(attempts: int) -> float:
    """After so many tries that failed: 10 s, 20 s, 40 s … up to ten minutes."""
    return float(min(FIRST_S * 2 ** min(attempts - 1, 10), LONGEST_S))
