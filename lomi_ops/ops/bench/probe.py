"""What every probe is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lomi_ops.domain.bench import Left, Outcome

Tell = Callable[[str], None]
"""Hears what is measured now."""


class Probe(Protocol):
    """Measures one service by work of its own, once."""

    left: list[Left]
    """What could not be removed; known after `run`, however that ended. The next run removes it."""

    def run(self, tell: Tell) -> Outcome:
        """Raises what the service raises. What was made is removed before that, also after an interruption."""
        ...
