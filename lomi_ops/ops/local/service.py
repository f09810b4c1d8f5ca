"""What the supervisor needs to know of a program that it keeps running."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Protocol

from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.state import StackState


class Service(Protocol):
    """One program: how it starts, when it is ready, how it ends."""

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> Path: ...

    @property
    def endings(self) -> tuple[tuple[signal.Signals, float], ...]:
        """Signals that end it, mildest first, each with the seconds to wait before the next one."""
        ...

    def spawn(self, state: StackState) -> subprocess.Popen[bytes]:
        """Starts it in a session of its own. Raises OSError or StackError when it cannot even be started."""
        ...

    def answers(self, state: StackState, written: str, age_s: float) -> bool:
        """True once it is ready. `written` is the end of what it logged in this life of `age_s` seconds."""
        ...

    def survivor(self) -> ProcessId | None:
        """A living instance that no record tells of; None when there is none or it cannot be known."""
        ...
