"""Conditions over the figures of a report: `rejection_rate>0.3`, `error_rate >= 1% or uploads < 100`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lomi_ops.errors import UsageError

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_ONE = re.compile(r"\s*([a-z][a-z0-9_.]*)\s*(>=|<=|!=|>|<|=)\s*(-?\d+(?:\.\d+)?)(%?)\s*")
EXAMPLE = "--fail-if 'rejection_rate > 30% or uploads < 100'"


@dataclass(frozen=True, slots=True)
class Bound:
    figure: str
    sign: str
    limit: float

    def broken(self, value: float | None) -> bool:
        """What could not be known breaks no bound."""
        return value is not None and _SIGNS[self.sign](value, self.limit)

    def __str__(self) -> str:
        return f"{self.figure} {self.sign} {self.limit:g}"


def parse(text: str) -> tuple[Bound, ...]:
    """Comparisons with `or` between them; 30% is 0.3. Raises UsageError."""
    found = []
    for part in re.split(r"\s+or\s+|\s*\|\|\s*", text):
        match = _ONE.fullmatch(part)
        if match is None:
            raise UsageError(f"{part.strip()!r} is no condition", hint=EXAMPLE)
        found.append(Bound(match[1], match[2], float(match[3]) / (100 if match[4] else 1)))
    return tuple(found)


def require_known(bounds: Iterable[Bound], figures: Mapping[str, float | None]) -> None:
    """Raises UsageError for a figure that the report does not have."""
    for each in bounds:
        if each.figure not in figures:
            known = ", ".join(sorted(figures)) or "none"
            raise UsageError(f"this report has no figure {each.figure!r}", hint=f"it has {known}")


def broken(bounds: Iterable[Bound], figures: Mapping[str, float | None]) -> tuple[str, ...]:
    """A sentence for each bound that is broken; its figure is one of these."""
    return tuple(
        f"{each.figure} is {figures[each.figure]:g}: {each}" for each in bounds if each.broken(figures[each.figure])
    )


def unjudged(bounds: Iterable[Bound], figures: Mapping[str, float | None]) -> tuple[str, ...]:
    """A sentence for each bound whose figure is not known here: it is neither broken nor kept."""
    return tuple(f"{each.figure} is not known: {each} says nothing" for each in bounds if figures[each.figure] is None)
