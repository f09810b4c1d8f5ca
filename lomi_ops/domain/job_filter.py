"""Which jobs are meant: one small language for the queue's commands and the dashboard.

state:dead error:timeout            both must hold
state:dead,delayed                  one of them
worker:web-3 held>5m tries>=2       spans of time and numbers are compared
user:5f0c… not error:poison_crash   `not` before a term, or `-` in front of it
user:5f0c* error:*_failed           * stands for anything
"went silent"                       a word that is no term is looked for in the id, the code and the error's text
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lomi_ops.domain.job_state import OPEN, JobState
from lomi_ops.domain.terms import Field, Kind, Language, Term

ID = re.compile(r"[A-Za-z0-9_.~-]{1,170}", re.ASCII)
"""A word that is a job's id and can be no term."""


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


def _since(moment: int | None, now: int) -> float | None:
    return None if moment is None else (now - moment) / 1000


FIELDS: Mapping[str, Field[JobFacts]] = {
    "state": Field(Kind.WORD, "ready, delayed, running, dead, done, cancelled", lambda job, _: (job.state.value,)),
    "error": Field(
        Kind.WORD,
        "class, code, or a word of the error",
        lambda job, _: (job.error_class, job.code),
        prose=lambda job: job.error,
    ),
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


_LANGUAGE = Language(
    "job", FIELDS, lambda job: job.readable, values={"state": tuple(JobState)}, example="error:timeout"
)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Terms that must all hold. Without any, every job is meant."""

    terms: tuple[Term, ...] = ()
    text: str = field(default="", compare=False)
    """As it was typed."""

    def matches(self, job: JobFacts, now_ms: int) -> bool:
        return all(_LANGUAGE.holds(term, job, now_ms) for term in self.terms)

    @property
    def states(self) -> frozenset[JobState]:
        """Where to look: what the terms on `state` leave; without one, whatever is not over and forgotten."""
        terms = [term for term in self.terms if term.name == "state"]
        if not terms:
            return OPEN
        return frozenset(state for state in JobState if all(_LANGUAGE.holds(t, JobFacts("", state), 0) for t in terms))

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
    return JobFilter(_LANGUAGE.parse(words), " ".join(words))


def by_id(job_ids: Iterable[str]) -> JobFilter:
    """The jobs of these ids, whatever their state."""
    ids = tuple(job_ids)
    return JobFilter((Term("job", ":", tuple(each.casefold() for each in ids)),), " ".join(ids))


def named(job_id: str) -> str:
    """A job as commands take it that act on jobs. An id with a colon would be read as a term, one with a dash as an
    option."""
    return job_id if ID.fullmatch(job_id) and not job_id.startswith("-") else f"job:{job_id}"
