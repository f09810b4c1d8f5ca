"""What the queue holds on one user: jobs wherever they wait, results, what is told of jobs that ended, operations."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from lomi_ops.domain import job_filter
from lomi_ops.domain.job_filter import JobFacts
from lomi_ops.domain.job_state import JobState
from lomi_ops.queue import entries, personal_ops
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.personal_ops import Operated
from lomi_ops.queue.scripts import text

PAGE = 500
TELLS = 8
"""Signs from which on an id in a text is taken for itself: whoever pushes jobs may call them 1, 2, 3."""
_EVERY = ("tries>=0",)
"""Holds for every job, and has each one read."""


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of a stream."""

    entry: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    jobs: tuple[JobFacts, ...]
    results: tuple[Told, ...]
    ended: tuple[Told, ...]
    events: tuple[Told, ...]
    operations: tuple[Operated, ...]

    @property
    def running(self) -> tuple[JobFacts, ...]:
        return tuple(job for job in self.jobs if job.state is JobState.RUNNING)

    @property
    def job_ids(self) -> frozenset[str]:
        return frozenset(job.job_id for job in self.jobs) | {
            each.fields["job_id"] for each in (*self.results, *self.ended) if "job_id" in each.fields
        }

    @property
    def counts(self) -> dict[str, int]:
        """How many of each, none where there are none."""
        found = {
            "jobs": self.jobs, "results": self.results, "ended": self.ended, "events": self.events,
            "operations": self.operations,
        }  # fmt: skip
        return {f"queue.{name}": len(each) for name, each in found.items() if each}


def held(
    client: redis.Redis,
    keys: Keys,
    user_id: UUID,
    media_ids: Collection[UUID],
    job_ids: Collection[str],
    telegram: str | None = None,
) -> Held:
    """Reads every job, the streams and the operations, in pages; `telegram` is a pattern of the user's account. Raises
    RedisUnavailable."""
    wanted = _Wanted(str(user_id), frozenset(map(str, media_ids)), set(job_ids))
    with guarded(client, "the streams"):
        results = tuple(each for each in _stream(client, keys.results) if wanted.told(each))
        ended = tuple(each for each in _stream(client, keys.ended) if wanted.told(each))
    # A finished job has no element any more: what is told of it may be all that names it.
    wanted.job_ids.update(each.fields.get("job_id", "") for each in (*results, *ended))
    every = job_filter.parse(_EVERY).within(JobState)
    jobs = tuple(job for job in entries.find(client, keys, every, ordered=False) if wanted.job(job))
    wanted.job_ids.update(job.job_id for job in jobs)
    with guarded(client, "the streams"):
        events = tuple(each for each in _stream(client, keys.events) if wanted.told(each))
    operations = personal_ops.held(client, keys, wanted.job_ids, lambda typed: wanted.named_in(typed, telegram))
    return Held(jobs, results, ended, events, operations)


def forget(client: redis.Redis, keys: Keys, found: Held) -> None:
    """Takes the entries out of the streams, and the jobs off operations. The jobs are for `JobQueue.forget`."""
    with guarded(client, "the streams"):
        for name, told in ((keys.results, found.results), (keys.ended, found.ended), (keys.events, found.events)):
            for at in range(0, len(told), PAGE):
                call(client, "XDEL", name, *(each.entry for each in told[at : at + PAGE]))
    personal_ops.forget(client, keys, found.operations)


@dataclass(slots=True)
class _Wanted:
    user_id: str
    media_ids: frozenset[str]
    job_ids: set[str]

    def job(self, job: JobFacts) -> bool:
        """Whatever was pushed may be no JSON, and name the user all the same."""
        if _is_uuid(job.user) and job.user.lower() != self.user_id:
            return False
        named = job.raw is not None and self.user_id.encode() in job.raw.lower()
        return named or job.job_id in self.job_ids or not self.media_ids.isdisjoint(each.lower() for each in job.photos)

    def told(self, entry: Told) -> bool:
        fields = entry.fields
        if fields.get("job_id") in self.job_ids or fields.get("user", "").lower() == self.user_id:
            return True
        payload = fields.get("payload", "")
        return self.user_id in payload.lower() and _user_of(payload).lower() == self.user_id

    def named_in(self, typed: str, telegram: str | None) -> bool:
        """Whether a text names the user, a photo or a job of theirs."""
        said = typed.lower()
        ids = (self.user_id, *self.media_ids, *(each.lower() for each in self.job_ids))
        return any(each in said for each in ids if len(each) >= TELLS) or bool(telegram and re.search(telegram, said))


def _is_uuid(word: str) -> bool:
    try:
        return bool(UUID(word))
    except ValueError:
        return False


def _user_of(payload: str) -> str:
    try:
        body = json.loads(payload)
    except ValueError:
        return ""
    return str(body.get("user_id")) if isinstance(body, dict) else ""


def _stream(client: redis.Redis, name: str) -> Iterator[Told]:
    start = "-"
    while page := call(client, "XRANGE", name, start, "+", "COUNT", PAGE):
        for entry, fields in page:
            yield Told(text(entry), {text(key): text(value) for key, value in _pairs(fields)})
        start = f"({text(page[-1][0])}"


def _pairs(fields: Any) -> Sequence[tuple[bytes, bytes]]:
    """redis-py makes a dict of the fields of an entry."""
    return list(fields.items()) if isinstance(fields, dict) else list(zip(fields[::2], fields[1::2], strict=True))
