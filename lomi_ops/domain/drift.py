"""How a database differs from what the migrations make, in words: what is there, what should be, and who mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.domain.catalogue import Kind, Thing, same
from lomi_ops.domain.mending import change, drop, make

MEDIA = "media"


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
        return ".".join(part for part in (self.schema, thing.parent, thing.name) if part)


def _words(thing: Thing) -> str:
    return f"an index on {thing.parent}: {thing.definition}" if thing.kind is Kind.INDEX else thing.definition
