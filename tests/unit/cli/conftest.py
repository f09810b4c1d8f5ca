"""Command lines in this process, on a machine that has no settings."""

from __future__ import annotations

from tests.commands import Lomi, Said, lomi, quiet_machine

__all__ = ["Lomi", "Said", "lomi", "quiet_machine"]
