"""What the options say that all commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Common:
    """Where a command finds its settings."""

    config: Path | None = None
    env_file: Path | None = None
    data: Path | None = None
    env: str | None = None
    """The profile that a flag names."""
