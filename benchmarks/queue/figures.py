"""What a measurement comes to, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    goal: str = ""
    meets: bool | None = None
    """None where there is no goal."""
    note: str = ""

    @property
    def shown(self) -> str:
        return f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"

    @property
    def answer(self) -> str:
        return "" if self.meets is None else "yes" if self.meets else "**no**"


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def middle(values: Sequence[float]) -> float:
    return float(median(values))


def table(figures: Sequence[Figure]) -> str:
    """Markdown."""
    lines = ["| what | value | goal | meets it | how |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {f.what} | {f.shown} {f.unit} | {f.goal} | {f.answer} | {f.note} |" for f in figures]
    return "\n".join(lines)
