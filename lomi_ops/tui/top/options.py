"""How the live view was started."""

from __future__ import annotations

from dataclasses import dataclass

FASTEST_S, SLOWEST_S = 0.5, 60.0


@dataclass(frozen=True, slots=True)
class Options:
    name: str = ""
    """The profile's."""
    colour: str = ""
    every_s: float = 1.0
    write: bool = False
    plain: bool = False
    """Only ASCII."""
    replay: bool = False
