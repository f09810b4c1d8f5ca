"""What reads one source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from lomi_ops.domain.measure import Source, Values
from lomi_ops.domain.pace import Pace


class Reader(Protocol):
    """Asked by one thread at a time, and never oftener than its pace allows."""

    @property
    def source(self) -> Source: ...

    @property
    def pace(self) -> Pace: ...

    def read(self) -> Values:
        """Raises LomiError where the source does not answer."""
        ...


@dataclass(slots=True)
class Bag:
    """Collects numbers by name and labels. What is None is not known, and left out."""

    values: Values = field(default_factory=dict)

    def put(self, name: str, value: float | None, **labels: str) -> None:
        if value is not None:
            self.values[name, tuple(sorted(labels.items()))] = float(value)

    def add(self, name: str, value: float, **labels: str) -> None:
        """To what is there under the same labels."""
        key = name, tuple(sorted(labels.items()))
        self.values[key] = self.values.get(key, 0.0) + value
