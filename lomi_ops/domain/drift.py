"""How a database differs from what the migrations make, in words: what is there, what should be, and who mends it.

Two catalogues are compared thing by thing. The SQL in here is for a person to read and to run; nothing of ours runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

MEDIA = "media"


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


class Problem(StrEnum):
    """In what way something differs."""

    MISSING = "missing"
    EXTRA = "extra"
    WRONG = "wrong"
    INVALID = "invalid"
    UNMIGRATED = "unmigrated"
    PENDING = "pending"
    ALTERED = "altered"
    NEWER = "newer"
    SEARCH_PATH = "search_path"


class Mender(StrEnum):
    """Who can mend it."""

    APPLY = "apply"
    """`lomi migrate apply`."""
    PERSON = "person"
    """Somebody who decides: it may lose data, or stop the app for as long as it takes."""
    PROGRAM = "program"
    """Another version of lomi."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be."""

    problem: Problem
    what: str
    """The object: `media.batch_id`, `lomi.jobs.jobs_open`, `0003_levels`."""
    there: str
    should_be: str
    mender: Mender
    fix: str = ""
    """For a person: SQL to run, or what else to do; empty where `apply` or another program mends it."""

    @property
    def line(self) -> str:
        return f"{self.what}: {self.there}, should be {self.should_be}"


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be compared."""

    what: str
    why: str
    command: str
    """What makes it known."""

    @property
    def line(self) -> str:
        return f"{self.what}: not known, {self.why}"


def compare(
    expected: Iterable[Thing], found: Iterable[Thing], *, schema: str = "", mended_by_apply: bool = False
) -> tuple[Difference, ...]:
    """What is missing, extra, wrong or invalid, by kind and name; of a table that is missing or extra as a whole no
    part. `schema` is put before every name; `mended_by_apply` is true of what `apply` makes where it is missing."""
    wanted = {thing.key: thing for thing in expected}
    there = {thing.key: thing for thing in found}
    lost, alien = _tables(wanted) - _tables(there), _tables(there) - _tables(wanted)
    words = _Words(schema, mended_by_apply)
    return tuple(
        difference
        for key in sorted(wanted.keys() | there.keys())
        if key[1] not in lost | alien and (difference := words.of(wanted.get(key), there.get(key))) is not None
    )


def _tables(things: Iterable[tuple[Kind, str, str]]) -> set[str]:
    return {name for kind, _, name in things if kind is Kind.TABLE}


@dataclass(frozen=True, slots=True)
class _Words:
    schema: str
    mended_by_apply: bool

    def of(self, wanted: Thing | None, there: Thing | None) -> Difference | None:
        if wanted is None:
            assert there is not None
            return self._extra(there)
        if there is None:
            return self._missing(wanted)
        if not there.valid:
            return self._invalid(wanted)
        return None if same(wanted, there) else self._wrong(wanted, there)

    def _missing(self, thing: Thing) -> Difference:
        fix = "" if self.mended_by_apply else make(thing, self.schema) or self._restore(thing)
        return Difference(Problem.MISSING, self._name(thing), "missing", _words(thing), self._mender, fix)

    def _extra(self, thing: Thing) -> Difference:
        article = "an" if thing.kind is Kind.INDEX else "a"
        there = f"{article} {thing.kind.value} that no migration made"
        fix = f"{drop(thing, self.schema)}  -- if nobody needs it"
        return Difference(Problem.EXTRA, self._name(thing), there, "absent", Mender.PERSON, fix)

    def _invalid(self, thing: Thing) -> Difference:
        fix = "" if self.mended_by_apply else f"{drop(thing, self.schema)} {make(thing, self.schema)}"
        there = "invalid, left by a build that was interrupted or is still at work"
        return Difference(Problem.INVALID, self._name(thing), there, _words(thing), self._mender, fix)

    def _wrong(self, wanted: Thing, there: Thing) -> Difference:
        fix = change(wanted, there, self.schema) or self._restore(wanted)
        return Difference(Problem.WRONG, self._name(wanted), there.definition, wanted.definition, Mender.PERSON, fix)

    def _restore(self, thing: Thing) -> str:
        return f"-- {self._name(thing)}: restore it from a backup"

    @property
    def _mender(self) -> Mender:
        return Mender.APPLY if self.mended_by_apply else Mender.PERSON

    def _name(self, thing: Thing) -> str:
        path = [thing.name] if self.mended_by_apply and thing.kind is Kind.INDEX else [thing.parent, thing.name]
        return ".".join(part for part in (self.schema, *path) if part)


def _words(thing: Thing) -> str:
    return f"an index on {thing.parent}: {thing.definition}" if thing.kind is Kind.INDEX else thing.definition


def same(wanted: Thing, there: Thing) -> bool:
    """Whether two definitions mean the same: `DEFAULT 0` and `DEFAULT '0'::integer` do."""
    if wanted.kind is not Kind.COLUMN or wanted.definition == there.definition:
        return wanted.definition == there.definition
    ours, theirs = Column.parse(wanted.definition), Column.parse(there.definition)
    return (ours.type, ours.generated, ours.required) == (theirs.type, theirs.generated, theirs.required) and (
        _bare(ours.default) == _bare(theirs.default)
    )


_LITERAL = re.compile(r"""\(*'?([^'()]*)'?\)*(?:::[a-z ]+(?:\(\d+\))?\)*)*""")


def _bare(default: str) -> str:
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

# --- SQL for people ---------------------------------------------------------------------------------------------------


def make(thing: Thing, schema: str) -> str:
    """The statement that makes a thing again; empty where its definition alone is not enough."""
    table = _qualified(schema, thing.parent)
    match thing.kind:
        case Kind.COLUMN:
            return f"ALTER TABLE {table} ADD COLUMN {thing.name} {thing.definition};"
        case Kind.CONSTRAINT:
            return f"ALTER TABLE {table} ADD CONSTRAINT {thing.name} {thing.definition};"
        case Kind.INDEX:
            unique, using = ("UNIQUE ", thing.definition[7:]) if thing.definition.startswith("UNIQUE ") else (
                "", thing.definition
            )  # fmt: skip
            return f"CREATE {unique}INDEX CONCURRENTLY {thing.name} ON {table} USING {using};"
        case Kind.TRIGGER:
            return f"CREATE TRIGGER {thing.name} {thing.definition};"
        case _:
            return ""


def drop(thing: Thing, schema: str) -> str:
    table = _qualified(schema, thing.parent)
    match thing.kind:
        case Kind.COLUMN:
            return f"ALTER TABLE {table} DROP COLUMN {thing.name};"
        case Kind.CONSTRAINT:
            return f"ALTER TABLE {table} DROP CONSTRAINT {thing.name};"
        case Kind.INDEX:
            return f"DROP INDEX CONCURRENTLY {_qualified(schema, thing.name)};"
        case Kind.TRIGGER | Kind.RULE:
            return f"DROP {thing.kind.value.upper()} {thing.name} ON {table};"
        case Kind.VIEW if thing.definition.startswith("materialized"):
            return f"DROP MATERIALIZED VIEW {_qualified(schema, thing.name)};"
        case _:
            return f"DROP {thing.kind.value.upper()} {_qualified(schema, thing.name)};"


def change(wanted: Thing, there: Thing, schema: str) -> str:
    """The statements that lead from one definition to the other; empty where there are none."""
    table = _qualified(schema, wanted.parent)
    if wanted.kind is Kind.COLUMN:
        return " ".join(_column_changes(table, wanted, there)) or f"{drop(there, schema)} {make(wanted, schema)}"
    if wanted.kind is Kind.TRIGGER and there.definition == f"{wanted.definition}, disabled":
        return f"ALTER TABLE {table} ENABLE TRIGGER {wanted.name};"
    if wanted.kind is Kind.TABLE and there.definition == f"unlogged {wanted.definition}":
        return f"ALTER TABLE {_qualified(schema, wanted.name)} SET LOGGED;"
    again = make(wanted, schema)
    return f"{drop(there, schema)} {again}" if again else ""


def _column_changes(table: str, wanted: Thing, there: Thing) -> Iterator[str]:
    column = f"ALTER TABLE {table} ALTER COLUMN {wanted.name}"
    ours, theirs = Column.parse(wanted.definition), Column.parse(there.definition)
    if ours.generated != theirs.generated:
        return
    if ours.type != theirs.type:
        if theirs.default:
            yield f"{column} DROP DEFAULT;"
        yield f"{column} TYPE {ours.type} USING {wanted.name}::text::{ours.type};"
    if _bare(ours.default) != _bare(theirs.default) or (ours.type != theirs.type and ours.default):
        yield f"{column} SET DEFAULT {ours.default};" if ours.default else f"{column} DROP DEFAULT;"
    if ours.required != theirs.required:
        yield f"{column} {'SET' if ours.required else 'DROP'} NOT NULL;"


def _qualified(schema: str, name: str) -> str:
    return f"{schema}.{name}" if schema else name


# --- who may write ----------------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """How a program stands to a schema."""

    FITS = "fits"
    OLDER = "older"
    """The schema is newer, and says that this program may write all the same."""
    TOO_OLD = "too_old"
    """The schema is newer, and says that this program must not write."""


def standing(known: int, oldest_writers: Sequence[int]) -> Standing:
    """Of a program whose last migration is `known`; `oldest_writers` has, for each applied migration that it does not
    know, the lowest level that may still write beside it."""
    if not oldest_writers:
        return Standing.FITS
    return Standing.OLDER if known >= max(oldest_writers) else Standing.TOO_OLD
