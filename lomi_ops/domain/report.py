"""A report as data: what every format is written from, so that no two of them disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lomi_ops.domain.window import Window

Value = str | int | float | None
"""None: it could not be known, or there was nothing to compute it from."""


class Unit(StrEnum):
    """What a number is; a format decides how it looks."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    SHARE = "share"
    """0..1"""
    CHANGE = "change"
    """Against the window before: 0.25 is a quarter more."""
    POINTS = "points"
    """The difference of two shares, -1..1: 0.02 is two points of a hundred."""
    MS = "ms"
    SECONDS = "s"
    BYTES = "bytes"


class Shape(StrEnum):
    """How a chart is drawn where pictures can be shown."""

    LINE = "line"
    STACK = "stack"
    """Lines that add up."""
    BARS = "bars"
    HEAT = "heat"
    """A line for each row, a label for each column."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    title: str
    unit: Unit = Unit.TEXT
    bars: bool = False
    """Drawn as bars beside its numbers where there is room."""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    empty: str = "nothing"
    """What to say where there are no rows."""
    brief: tuple[tuple[Value, ...], ...] | None = None
    """The same in fewer rows, for people; None where `rows` are few enough."""

    @property
    def read(self) -> tuple[tuple[Value, ...], ...]:
        """What people read."""
        return self.rows if self.brief is None else self.brief


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    title: str
    unit: Unit
    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    """Each with a value for each label."""
    shape: Shape = Shape.LINE


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that nobody recorded."""

    what: str
    command: str
    """Makes it known from then on."""


@dataclass(frozen=True, slots=True)
class Report:
    kind: str
    title: str
    window: Window
    zone: str
    """Of the labels; the window itself is UTC."""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    """Its main numbers by name: for programs, and for `--fail-if`."""
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: tuple[Gap, ...] = ()

    @property
    def headline(self) -> str:
        start, end = self.window.start, self.window.end
        return f"{self.title}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
