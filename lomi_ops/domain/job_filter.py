"""Which jobs are meant: one small language for the queue's commands and the dashboard.

state:dead error:timeout            both must hold
state:dead,delayed                  one of them
worker:web-3 held>5m tries>=2       spans of time and numbers are compared
user:5f0c… not error:poison_crash   `not` before a term, or `-` in front of it
user:5f0c* error:*_failed           * stands for anything
"went silent"                       a word that is no term is looked for in the id, the code and the error's text
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

from lomi_ops.domain import span
from lomi_ops.domain.job_state import OPEN, JobState
from lomi_ops.errors import UsageError

_TERM = re.compile(r"(-?)([A-Za-z_]+)(>=|<=|>|<|=|:)(.+)", re.DOTALL)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq, ":": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a filter can ask about one job, and what a list shows of it. Times are the queue's, in ms since 1970."""

    job_id: str
    state: JobState
    lane: str = "normal"
    """`high`, `normal` or `bulk`: which others it goes ahead of."""
    user: str = ""
    batch: str = ""
    photos: tuple[str, ...] = ()
    """Media ids."""
    tries: int = 0
    crashes: int = 0
    setbacks: int = 0
    error_class: str = ""
    code: str = ""
    error: str = ""
    hint: str = ""
    worker: tuple[str, ...] = ()
    """Every name of the holder: host, `host/pid`, boot id, slot. The best one first."""
    uploaded_ms: int | None = None
    """By the producer's stamp, else when the queue first saw the job."""
    claimed_ms: int | None = None
    due_ms: int | None = None
    died_ms: int | None = None
    operation: str = ""
    """The last operation that touched it."""
    raw: bytes | None = None
    """Its element; a finished job has none any more."""

    @property
    def readable(self) -> str:
        return " ".join((self.job_id, self.error_class, self.code, self.error)).casefold()


class Kind(StrEnum):
    WORD = "word"
    NUMBER = "number"
    SPAN = "span"


@dataclass(frozen=True, slots=True)
class Field:
    """Something to ask about. `of` gives the words, the number, or the seconds at a time in ms; None where the job has
    none, which no comparison holds for."""

    kind: Kind
    help: str
    of: Callable[[JobFacts, int], Sequence[str] | float | None]


def _since(moment: int | None, now: int) -> float | None:
    return None if moment is None else (now - moment) / 1000


FIELDS: Mapping[str, Field] = {
    "state": Field(Kind.WORD, "ready, delayed, running, dead, done, cancelled", lambda job, _: (job.state.value,)),
    "error": Field(Kind.WORD, "class, code, or a word of the error", lambda job, _: (job.error_class, job.code)),
    "worker": Field(Kind.WORD, "host, host/pid or boot id of the holder", lambda job, _: job.worker),
    "user": Field(Kind.WORD, "user id", lambda job, _: (job.user,)),
    "batch": Field(Kind.WORD, "batch id", lambda job, _: (job.batch,)),
    "photo": Field(Kind.WORD, "media id of one of its photos", lambda job, _: job.photos),
    "job": Field(Kind.WORD, "job id", lambda job, _: (job.job_id,)),
    "priority": Field(Kind.WORD, "high, normal or bulk", lambda job, _: (job.lane,)),
    "op": Field(Kind.WORD, "the last operation that touched it", lambda job, _: (job.operation,)),
    "age": Field(Kind.SPAN, "since the upload", lambda job, now: _since(job.uploaded_ms, now)),
    "held": Field(Kind.SPAN, "since a worker took it", lambda job, now: _since(job.claimed_ms, now)),
    "died": Field(Kind.SPAN, "since it became a dead letter", lambda job, now: _since(job.died_ms, now)),
    "due": Field(
        Kind.SPAN, "until the next try", lambda job, now: None if job.due_ms is None else (job.due_ms - now) / 1000
    ),
    "tries": Field(Kind.NUMBER, "attempts so far", lambda job, _: float(job.tries)),
    "crashes": Field(Kind.NUMBER, "workers that died with it", lambda job, _: float(job.crashes)),
    "setbacks": Field(Kind.NUMBER, "waits for an upstream", lambda job, _: float(job.setbacks)),
    "photos": Field(Kind.NUMBER, "how many photos it has", lambda job, _: float(len(job.photos))),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `name` is a field, or empty for a word that is looked for everywhere."""

    name: str
    sign: str
    words: tuple[str, ...]
    number: float = 0.0
    """Seconds for spans."""
    negated: bool = False

    def holds(self, job: JobFacts, now_ms: int) -> bool:
        return self._holds(job, now_ms) is not self.negated

    def _holds(self, job: JobFacts, now_ms: int) -> bool:
        if not self.name:
            return all(word in job.readable for word in self.words)
        found = FIELDS[self.name].of(job, now_ms)
        if isinstance(found, int | float):
            return _COMPARE[self.sign](found, self.number)
        if found is None:
            return False
        said = [each.casefold() for each in found if each]
        if self.name == "error" and any(word in job.error.casefold() for word in self.words if "*" not in word):
            return True
        return any(fnmatchcase(each, word.replace("[", "[[]")) for each in said for word in self.words)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Terms that must all hold. Without any, every job is meant."""

    terms: tuple[Term, ...] = ()
    text: str = field(default="", compare=False)
    """As it was typed."""

    def matches(self, job: JobFacts, now_ms: int) -> bool:
        return all(term.holds(job, now_ms) for term in self.terms)

    @property
    def states(self) -> frozenset[JobState]:
        """Where to look: what the terms on `state` leave; without one, whatever is not over and forgotten."""
        terms = [term for term in self.terms if term.name == "state"]
        if not terms:
            return OPEN
        return frozenset(state for state in JobState if all(t.holds(JobFacts("", state), 0) for t in terms))

    @property
    def by_state_alone(self) -> bool:
        """Nothing of the jobs themselves has to be read."""
        return all(term.name == "state" for term in self.terms)

    def within(self, states: Iterable[JobState]) -> JobFilter:
        """The same, restricted to some states."""
        kept = tuple(state.value for state in JobState if state in frozenset(states))
        return JobFilter((*self.terms, Term("state", ":", kept)), self.text)


def parse(words: Sequence[str]) -> JobFilter:
    """The filter that was typed, in one argument or in many. Raises UsageError with the nearest field or value."""
    terms: list[Term] = []
    negated = False
    for word in _words(words):
        if word.casefold() == "not":
            negated = not negated
            continue
        terms.append(_term(word, negated=negated))
        negated = False
    if negated:
        raise UsageError("`not` stands at the end of the filter", hint="not error:timeout")
    return JobFilter(tuple(terms), " ".join(words))


def by_id(job_ids: Iterable[str]) -> JobFilter:
    """The jobs of these ids, whatever their state."""
    ids = tuple(job_ids)
    return JobFilter((Term("job", ":", tuple(each.casefold() for each in ids)),), " ".join(ids))


def _words(arguments: Sequence[str]) -> list[str]:
    try:
        return [word for argument in arguments for word in shlex.split(argument)]
    except ValueError:
        raise UsageError(f"the quotes in {' '.join(arguments)!r} do not close", hint="""'error:"no face"'""") from None


def _term(word: str, *, negated: bool) -> Term:
    match = _TERM.fullmatch(word)
    if match is None:
        return _bare(word, negated=negated)
    minus, name, sign, value = match.groups()
    name = name.casefold()
    known = FIELDS.get(name)
    if known is None:
        hint = f"{_nearest(name, FIELDS, 'fields')}; a job of that id: job:{word}"
        raise UsageError(f"a filter has no field {name!r}", hint=hint)
    negated ^= bool(minus)
    if known.kind is Kind.WORD:
        if sign not in (":", "="):
            raise UsageError(f"{name} has no order: {word!r}", hint=f"{name}:{value}")
        return Term(name, ":", _values(name, value), negated=negated)
    return Term(name, sign, (value,), _number(name, known.kind, value, word), negated)


def _bare(word: str, *, negated: bool) -> Term:
    """A word to look for. The name of a field that is compared is what a shell leaves of `age>10m`: the rest became a
    redirection, and without this a filter would say something else than was typed."""
    name = word.casefold().lstrip("-")
    known = FIELDS.get(name)
    if known is not None and known.kind is not Kind.WORD:
        example = "10m" if known.kind is Kind.SPAN else "2"
        text = f"{name} is compared with nothing; a shell takes an unquoted > or < for its own"
        raise UsageError(text, hint=f"'{name}>{example}' in quotes, or error:{name} for the word")
    return Term("", ":", (word.casefold(),), negated=negated)


def _values(name: str, value: str) -> tuple[str, ...]:
    words = tuple(part.casefold() for part in value.split(",") if part)
    if not words:
        raise UsageError(f"{name}: says nothing", hint=f"{name}:{FIELDS[name].help}")
    if name == "state":
        for word in words:
            if not any(fnmatchcase(state.value, word) for state in JobState):
                raise UsageError(f"there is no state {word!r}", hint=_nearest(word, [*JobState], "states"))
    return words


def _number(name: str, kind: Kind, value: str, word: str) -> float:
    if kind is Kind.SPAN:
        found = span.seconds(value)
        if found is None:
            raise UsageError(f"{value!r} in {word!r} is no span of time", hint=f"'{name}>10m' ({span.UNITS})")
        return found
    if not value.isdecimal():
        raise UsageError(f"{value!r} in {word!r} is no number", hint=f"'{name}>2'")
    return float(value)


def _nearest(word: str, known: Iterable[str], what: str) -> str:
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, 1, 0.5)
    listed = ", ".join(names)
    return f"did you mean {close[0]}? {what}: {listed}" if close else f"{what}: {listed}"
