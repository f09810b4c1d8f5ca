"""Command lines in this process, on a machine that has no settings."""

from tests.commands import lomi, quiet_machine

__all__ = ["lomi", "quiet_machine"]
