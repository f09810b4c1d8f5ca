"""The language of filters: terms that must all hold, each about one field of a thing. Jobs and photos speak it.

state:dead error:timeout            both must hold
state:dead,delayed                  one of them
held>5m tries>=2                    spans of time and numbers are compared
user:5f0c… not error:poison_crash   `not` before a term, or `-` in front of it
user:5f0c* error:*_failed           * stands for anything
"went silent"                       a word that is no term is looked for in what can be read of the thing
"""

from __future__ import annotations

import difflib
import operator
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from lomi_ops.domain import span
from lomi_ops.errors import UsageError

Thing = TypeVar("Thing")

_TERM = re.compile(r"(-?)([A-Za-z_]+)(>=|<=|>|<|=|:)(.+)", re.DOTALL)
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq, ":": operator.eq,
}  # fmt: skip


class Kind(StrEnum):
    WORD = "word"
    NUMBER = "number"
    MEASURE = "measure"
    """A number with decimals."""
    SPAN = "span"

    @property
    def example(self) -> str:
        return {Kind.SPAN: "10m", Kind.MEASURE: "0.5", Kind.NUMBER: "2", Kind.WORD: "word"}[self]


@dataclass(frozen=True, slots=True)
class Field(Generic[Thing]):
    """Something to ask about. `of` gives the words, the number, or the seconds at a time in ms; None where the thing
    has none, which no comparison holds for."""

    kind: Kind
    help: str
    of: Callable[[Thing, int], Sequence[str] | float | None]
    prose: Callable[[Thing], str] | None = None
    """A text in which words without a `*` are looked for, too."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `name` is a field, or empty for a word that is looked for everywhere."""

    name: str
    sign: str
    words: tuple[str, ...]
    number: float = 0.0
    """Seconds for spans."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Language(Generic[Thing]):
    """What can be asked about one kind of thing."""

    noun: str
    """What it is called, and the field of its id."""
    fields: Mapping[str, Field[Thing]]
    readable: Callable[[Thing], str]
    """Casefolded: what a bare word is looked for in."""
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By field, where only these words make sense."""
    example: str = ""
    """A term with a word in it, for hints."""

    def holds(self, term: Term, thing: Thing, now_ms: int) -> bool:
        return self._holds(term, thing, now_ms) is not term.negated

    def _holds(self, term: Term, thing: Thing, now_ms: int) -> bool:
        if not term.name:
            return all(word in self.readable(thing) for word in term.words)
        asked = self.fields[term.name]
        found = asked.of(thing, now_ms)
        if isinstance(found, int | float):
            return _COMPARE[term.sign](found, term.number)
        if found is None:
            return False
        prose = asked.prose(thing).casefold() if asked.prose else ""
        if prose and any(word in prose for word in term.words if "*" not in word):
            return True
        said = [each.casefold() for each in found if each]
        return any(_like(each, word) for each in said for word in term.words)

    def parse(self, words: Sequence[str]) -> tuple[Term, ...]:
        """The terms that were typed, in one argument or in many. Raises UsageError with the nearest field or value."""
        terms: list[Term] = []
        negated = False
        for word in _words(words, self.example):
            if word.casefold() == "not":
                negated = not negated
                continue
            terms.append(self._term(word, negated=negated))
            negated = False
        if negated:
            raise UsageError("`not` stands at the end of the filter", hint=f"not {self.example}")
        return tuple(terms)

    def _term(self, word: str, *, negated: bool) -> Term:
        match = _TERM.fullmatch(word)
        if match is None:
            return self._bare(word, negated=negated)
        minus, name, sign, value = match.groups()
        name = name.casefold()
        known = self.fields.get(name)
        if known is None:
            hint = f"{_nearest(name, self.fields, 'fields')}; a {self.noun} of that id: {self.noun}:{word}"
            raise UsageError(f"a filter has no field {name!r}", hint=hint)
        negated ^= bool(minus)
        if known.kind is Kind.WORD:
            if sign not in (":", "="):
                raise UsageError(f"{name} has no order: {word!r}", hint=f"{name}:{value}")
            return Term(name, ":", self._values(name, value), negated=negated)
        return Term(name, sign, (value,), _number(name, known.kind, value, word), negated)

    def _bare(self, word: str, *, negated: bool) -> Term:
        """A word to look for. The name of a field that is compared is what a shell leaves of `age>10m`: the rest became
        a redirection, and without this a filter would say something else than was typed."""
        if not word:
            raise UsageError("an empty word stands in the filter", hint=self.example)
        name = word.casefold().lstrip("-")
        known = self.fields.get(name)
        if known is not None and known.kind is not Kind.WORD:
            text = f"{name} is compared with nothing; a shell takes an unquoted > or < for its own"
            hint = f"'{name}>{known.kind.example}' in quotes, or {self.example.split(':')[0]}:{name} for the word"
            raise UsageError(text, hint=hint)
        return Term("", ":", (word.casefold(),), negated=negated)

    def _values(self, name: str, value: str) -> tuple[str, ...]:
        words = tuple(part.casefold() for part in value.split(",") if part)
        if not words:
            raise UsageError(f"{name}: says nothing", hint=f"{name}:{self.fields[name].help}")
        for word in words if name in self.values else ():
            if not any(_like(known, word) for known in self.values[name]):
                raise UsageError(f"there is no {name} {word!r}", hint=_nearest(word, self.values[name], f"{name}s"))
        return words


def _like(word: str, pattern: str) -> bool:
    """Only `*` stands for something else than itself."""
    return fnmatchcase(word, pattern.replace("[", "[[]").replace("?", "[?]"))


def _words(arguments: Sequence[str], example: str) -> list[str]:
    try:
        return [word for argument in arguments for word in shlex.split(argument)]
    except ValueError:
        hint = f"""'{example.split(":")[0]}:"no face"'"""
        raise UsageError(f"the quotes in {' '.join(arguments)!r} do not close", hint=hint) from None


def _number(name: str, kind: Kind, value: str, word: str) -> float:
    if kind is Kind.SPAN:
        found = span.seconds(value)
        if found is None:
            raise UsageError(f"{value!r} in {word!r} is no span of time", hint=f"'{name}>10m' ({span.UNITS})")
        return found
    if not (_DECIMAL.fullmatch(value) if kind is Kind.MEASURE else value.isdecimal()):
        raise UsageError(f"{value!r} in {word!r} is no number", hint=f"'{name}>{kind.example}'")
    return float(value)


def _nearest(word: str, known: Iterable[str], what: str) -> str:
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, 1, 0.5)
    listed = ", ".join(names)
    return f"did you mean {close[0]}? {what}: {listed}" if close else f"{what}: {listed}"
