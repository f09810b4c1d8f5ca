"""How much an alert matters. Known apart from the rules, since every command reads the settings, which name it."""

from __future__ import annotations

from enum import StrEnum


class AlertSeverity(StrEnum):
    WARNING = "warning"
    """Somebody should look at it today."""
    CRITICAL = "critical"
    """Users notice it, or soon will."""
