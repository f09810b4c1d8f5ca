"""How good decisions are: what samples say, and beside it what people changed by their own choice."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.db import samples
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.quality import Overrides, Quality, assess
from lomi_ops.domain.window import Window


@dataclass(frozen=True, slots=True)
class Assessment:
    """The report."""

    window: Window
    """Of the draws."""
    quality: Quality
    chosen: tuple[Overrides, ...]
    """Biased: whoever decides anew looks where something seems wrong."""
    recorded: bool
    """False where the schema has no place for samples."""


def assessed(database: Session | Database, window: Window) -> Assessment:
    """Works on every schema."""
    if not samples.has_samples(database):
        return Assessment(window, assess(()), (), recorded=False)
    return Assessment(window, assess(samples.drawn(database, window)), samples.chosen(database, window), recorded=True)
