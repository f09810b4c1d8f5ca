"""Things of a database's catalogue, in Postgres' own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a thing in the catalogue is."""

    TABLE = "table"
    COLUMN = "column"
    CONSTRAINT = "constraint"
    INDEX = "index"
    TRIGGER = "trigger"
    RULE = "rule"
    VIEW = "view"
    SEQUENCE = "sequence"
    FUNCTION = "function"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Thing:
    """One entry of a catalogue."""

    kind: Kind
    parent: str
    """The table that it belongs to; empty for what stands alone."""
    name: str
    definition: str
    """As Postgres words it, without the names."""
    valid: bool = True
    """False for an index that a broken CREATE INDEX CONCURRENTLY left behind, or that is still being built."""

    @property
    def key(self) -> tuple[Kind, str, str]:
        return self.kind, self.parent, self.name


def same(wanted: Thing, there: Thing) -> bool:
    """Whether two definitions mean the same: `DEFAULT 0` and `DEFAULT '0'::integer` do."""
    if wanted.kind is not Kind.COLUMN or wanted.definition == there.definition:
        return wanted.definition == there.definition
    ours, theirs = Column.parse(wanted.definition), Column.parse(there.definition)
    return (ours.type, ours.generated, ours.required) == (theirs.type, theirs.generated, theirs.required) and (
        bare(ours.default) == bare(theirs.default)
    )


_LITERAL = re.compile(r"""\(*'?([^'()]*)'?\)*(?:::[a-z ]+(?:\(\d+\))?\)*)*""")


def bare(default: str) -> str:
    """A literal without quotes and casts; anything else as it is."""
    match = _LITERAL.fullmatch(default)
    return match[1] if match else default


@dataclass(frozen=True, slots=True)
class Column:
    """A column's definition, taken apart."""

    type: str
    generated: str
    default: str
    required: bool

    @classmethod
    def parse(cls, definition: str) -> Column:
        match = _COLUMN.fullmatch(definition)
        assert match is not None
        return cls(match["type"], match["generated"] or "", match["default"] or "", bool(match["required"]))


_COLUMN = re.compile(
    r"(?P<type>.+?)(?: (?P<generated>GENERATED .+?))?(?: DEFAULT (?P<default>.+?))?(?P<required> NOT NULL)?"
)
