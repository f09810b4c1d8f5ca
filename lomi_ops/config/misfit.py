"""Settings that do not fit together."""

from __future__ import annotations

from dataclasses import dataclass, field

from lomi_ops.config.keys import Key


@dataclass(frozen=True, slots=True)
class Misfit:
    """A setting that does not fit with others."""

    key: Key
    what: str
    others: tuple[Key, ...] = field(default=())
    nearest: str = ""

    @property
    def keys(self) -> tuple[Key, ...]:
        return (self.key, *self.others)
