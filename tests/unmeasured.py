"""Commands that a test interrupts run without the measuring of coverage."""

from __future__ import annotations

import os
from collections.abc import Mapping


def unmeasured(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which a command is not measured; this process's, where none is given.

    What measures takes a lock in Python for each file that it meets first. An interrupt that arrives just then leaves
    the lock taken, and the command stands still for ever.
    """
    given = os.environ if environ is None else environ
    return {name: value for name, value in given.items() if not name.startswith("COVERAGE_")}
