"""An alert rule: a number, a limit, and how long it must last. Rules are data: the pager and Prometheus read the same
ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.domain import span
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.measure import MEASURES, Measured

_SOURCES = {each.name: each.source for each in MEASURES}


class How(StrEnum):
    """What becomes of several label sets."""

    SUM = "sum"
    MAX = "max"


class Side(StrEnum):
    """On which side of its limit a number is bad."""

    ABOVE = ">"
    BELOW = "<"


class Judged(StrEnum):
    """What one look says of a rule."""

    BREACHED = "breached"
    BETWEEN = "between"
    """Not bad enough to begin an alert, not well enough to end one."""
    CLEAR = "clear"
    MISSING = "missing"
    """The number could not be known: that neither begins nor ends anything."""
    UNSET = "unset"
    """There is none, since nobody has configured what it is of."""


@dataclass(frozen=True, slots=True)
class Query:
    """One number out of what was measured."""

    measure: str
    wanted: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Label and the values of it that count; labels that are not named count whatever they say."""
    how: How = How.SUM

    def read(self, measured: Measured) -> float | None:
        """None where nothing of it is known."""
        found = [value for _, value in self.each(measured)]
        if not found:
            return None
        return sum(found) if self.how is How.SUM else max(found)

    def each(self, measured: Measured) -> Iterator[tuple[dict[str, str], float]]:
        """The label sets that count."""
        for labels, value in measured.each(self.measure):
            if all(labels.get(name) in values for name, values in self.wanted):
                yield labels, value

    @property
    def promql(self) -> str:
        chosen = ",".join(_matcher(name, values) for name, values in self.wanted)
        return f"{self.how}({self.measure}{{{chosen}}})" if chosen else f"{self.how}({self.measure})"


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold as well, e.g. that there are enough photos for a share to mean something."""

    query: Query
    over: float | Query
    factor: float = 1.0
    """Of `over`, where that is a number of the cluster."""

    def holds(self, measured: Measured) -> bool | None:
        """None where it could not be known."""
        value = self.query.read(measured)
        limit = self.over.read(measured) if isinstance(self.over, Query) else self.over
        return None if value is None or limit is None else value > self.factor * limit

    @property
    def promql(self) -> str:
        if isinstance(self.over, Query):
            return f"{self.query.promql} > {self.factor:g} * {self.over.promql}"
        return f"{self.query.promql} > {self.over:g}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look says, and the number that it says it by."""

    judged: Judged
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over a window, what to say when it holds, and what to do."""

    slug: str
    """Stable: settings, silences and incidents name it."""
    query: Query
    threshold: float
    severity: AlertSeverity
    cause: str
    """Slug of the check that it hangs on: while what that needs is down, this rule is silent."""
    sentence: str
    """What is wrong; `{value}` and `{limit}` are written with their unit."""
    command: str
    """What to run next."""
    unit: str = ""
    """A noun in the plural, or `%` for a share, or `s` for a span of time."""
    side: Side = Side.ABOVE
    clear: float | None = None
    """Well again at this, which may be further from the threshold than one step; None: as soon as it is not bad."""
    for_s: float = 60.0
    """So long it must last before anybody hears of it."""
    keep_firing_for_s: float = 120.0
    """So long it must be well before it is over."""
    less: Query | None = None
    """Is subtracted from the number."""
    guards: tuple[Guard, ...] = ()
    nothing_is_well: bool = False
    """Its measure is left out where there is nothing to measure; unless its source is silent, that is well."""
    follows: tuple[str, ...] = ()
    """Rules further up in the table that explain this one, beyond what the checks need of each other."""
    setting: str = ""
    """Without it there is no number; empty where none is needed."""
    unset: bool = False
    """Nobody has set it."""

    @property
    def clear_at(self) -> float:
        return self.threshold if self.clear is None else self.clear

    @property
    def consistent(self) -> bool:
        """Whether there is a way from bad to well again."""
        return self.distance(self.clear_at) >= 0

    def value(self, measured: Measured) -> float | None:
        value = self.query.read(measured)
        less = self.less.read(measured) if self.less else 0.0
        return None if value is None or less is None else value - less

    def judge(self, measured: Measured) -> Judgement:
        if self.unset:
            return Judgement(Judged.UNSET)
        value = self.value(measured)
        held = [guard.holds(measured) for guard in self.guards]
        if False in held or (value is not None and not self._beyond(value, self.clear_at)):
            return Judgement(Judged.CLEAR, value)
        if value is None and self.nothing_is_well and _SOURCES[self.query.measure] not in measured.silent:
            return Judgement(Judged.CLEAR)
        if value is None or None in held:
            return Judgement(Judged.MISSING, value)
        return Judgement(Judged.BREACHED if self._beyond(value, self.threshold) else Judged.BETWEEN, value)

    def distance(self, value: float) -> float:
        """How far a number is from the threshold; negative beyond it."""
        return self.threshold - value if self.side is Side.ABOVE else value - self.threshold

    def said(self, value: float | None) -> str:
        """The sentence with its numbers."""
        known = "an unknown number" if value is None else amount(value, self.unit)
        return self.sentence.format(value=known, limit=self.limit)

    @property
    def limit(self) -> str:
        """The threshold beside a number that says what is counted."""
        return amount(self.threshold, self.unit if self.unit in ("%", "s") else "")

    def _beyond(self, value: float, limit: float) -> bool:
        return value > limit if self.side is Side.ABOVE else value < limit


def amount(value: float, unit: str) -> str:
    """A number as a person reads it: `34 %`, `3 min`, `812 jobs`, `1 job`."""
    if unit == "%":
        return f"{value * 100:.3g} %"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if 0 < value < 1 else span.said(value)
    number = f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"
    return f"{number} {unit.removesuffix('s') if value == 1 else unit}".rstrip()


def _matcher(name: str, values: tuple[str, ...]) -> str:
    return f'{name}="{values[0]}"' if len(values) == 1 else f'{name}=~"{"|".join(values)}"'
