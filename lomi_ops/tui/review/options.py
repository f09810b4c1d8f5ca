"""How a session of the app is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain.macro import SHIPPED, Macro
from lomi_ops.tui.review.work import Keep, kept_for_now


@dataclass(frozen=True, slots=True)
class Options:
    actor: str
    beat_s: float
    ascii_only: bool = False
    macros: Sequence[Macro] = SHIPPED
    keep: Keep = kept_for_now
    """Where a filter that somebody names goes."""
