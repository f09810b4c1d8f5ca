"""Whether there is a terminal for an app."""

from __future__ import annotations

import os
import sys

from lomi_ops.cli import output
from lomi_ops.errors import UsageError


def required(instead: str) -> None:
    """Raises UsageError where an app cannot be shown; `instead` is what to run there."""
    if not (sys.stdin and sys.stdin.isatty() and output.on_terminal()):
        raise UsageError("the app needs a terminal", hint=instead)
    if os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError("this terminal cannot move its cursor (TERM=dumb)", hint=instead)
