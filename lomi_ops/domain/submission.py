"""What somebody submits, and how far its jobs are. Pure."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.domain.job import Priority
from lomi_ops.errors import UsageError

MAX_NAMED = 100_000
"""Photos of one submission."""
FREE_CANCEL = 10
"""So many jobs may be cancelled without naming their number."""
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)/(s|min|h)", re.ASCII)
_PER_MINUTE = {"s": 60.0, "min": 1.0, "h": 1 / 60}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, before anybody looked which photos these are."""

    names: tuple[str, ...] = ()
    """Media ids and object keys, sorted, each once."""
    prefix: str | None = None
    """Of object keys."""
    priority: Priority | None = None
    """None: normal for a single job, bulk for more."""
    per_minute: float | None = None
    """Photos; None: at once."""

    @property
    def fingerprint(self) -> str:
        """The same for the same request, whatever its photos have become since."""
        body = [self.names, self.prefix, None if self.priority is None else int(self.priority), self.per_minute]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()

    def priority_of(self, jobs: int) -> Priority:
        if self.priority is not None:
            return self.priority
        return Priority.NORMAL if jobs == 1 else Priority.BULK


def requested(names: Iterable[str], prefix: str | None, priority: Priority | None, per_minute: float | None) -> Request:
    """Raises UsageError for none, too many, or both ways of naming."""
    wanted = sorted({name.strip() for name in names} - {""})
    if prefix is not None and (wanted or not prefix):
        text = "--prefix takes the beginning of a key, and no photos beside it"
        raise UsageError(text, hint="lomi jobs submit --help")
    if prefix is None and not wanted:
        raise UsageError("no photo is named", hint="lomi jobs submit PHOTO…, --keys FILE or --prefix PREFIX")
    if len(wanted) > MAX_NAMED:
        raise UsageError(f"{len(wanted)} photos are named, the limit is {MAX_NAMED}", hint="split the file: split -l")
    return Request(tuple(wanted), prefix, priority, per_minute)


def split_names(names: Iterable[str]) -> tuple[list[UUID], list[str]]:
    """Media ids, and keys: what is no UUID is a key."""
    ids, keys = [], []
    for name in names:
        try:
            ids.append(UUID(name))
        except ValueError:
            keys.append(name)
    return ids, keys


def parse_rate(text: str) -> float:
    """Photos a minute, of `60/min`, `2/s` or `1000/h`. Raises UsageError."""
    match = _RATE.fullmatch(text.strip())
    per_minute = float(match[1]) * _PER_MINUTE[match[2]] if match else 0.0
    if per_minute <= 0:
        raise UsageError(f"{text!r} is no rate of photos", hint="--rate 60/min, 2/s or 1000/h")
    return per_minute


def due_times(photos: Sequence[int], per_minute: float | None, start_ms: int) -> Iterator[int]:
    """When each job is due, given the photos of each: the first at once; 0 for now where nothing limits them."""
    before = 0
    for count in photos:
        yield 0 if per_minute is None else start_ms + round(before * 60_000 / per_minute)
        before += count


@dataclass(frozen=True, slots=True)
class Submission:
    """One `lomi jobs submit`, as it was recorded before anything was pushed."""

    id: UUID
    at: datetime
    actor: str
    asked: Mapping[str, object]
    fingerprint: str
    priority: Priority
    per_minute: float | None
    photos: int
    jobs: int
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """Enough to push a job, and to push it again."""

    seq: int
    job_id: str
    batch_id: UUID
    user_id: UUID
    telegram_id: int
    media_ids: tuple[UUID, ...]
    object_keys: tuple[str, ...]


def job_id_of(submission_id: UUID, seq: int) -> str:
    """Whoever pushes it finds the same, so the queue refuses a second copy."""
    return str(uuid.uuid5(submission_id, str(seq)))


class Place(StrEnum):
    """Where a submitted job is, by Postgres and the queue together."""

    MISSING = "missing"
    """Neither has it: it was not pushed yet, or Redis has forgotten it."""
    DELAYED = "delayed"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self in (Place.DONE, Place.DEAD, Place.CANCELLED)


def place_of(
    *, settled: bool, undecided: bool, queued: str | None, ended: str | None, cancelled: bool = False
) -> Place:
    """`settled`: by the ledger. `undecided`: some photo of it still waits for a worker; what another job, or an old
    worker, has decided is done. `queued`: the state that the queue knows. `ended`: the latest end that Postgres knows
    of. `cancelled`: its submission was."""
    if settled or not undecided:
        return Place.DONE
    if queued is not None:
        return Place(queued)
    if ended in ("dead", "purged"):
        return Place.DEAD
    return Place.CANCELLED if cancelled or ended == "cancelled" else Place.MISSING


@dataclass(frozen=True, slots=True)
class PhotoCount:
    """So many photos stand like this: a status of `media`, `in_review`, or `gone` for a row that was deleted."""

    status: str
    reason: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far some jobs are, at one moment."""

    jobs: int
    places: Mapping[Place, int]
    photos: tuple[PhotoCount, ...] = ()
    dead: tuple[str, ...] = ()
    """Ids of jobs."""
    last_due_s: float | None = None
    """Seconds until the last delayed job comes due."""
    unseen: bool = False
    """A single job that waits in the list, and that no worker has looked at."""
    open_jobs: Collection[str] = field(default=(), repr=False)
    """Those that are not over."""

    def at(self, place: Place) -> int:
        return self.places.get(place, 0)

    @property
    def finished(self) -> int:
        return sum(count for place, count in self.places.items() if place.over)

    @property
    def over(self) -> bool:
        return self.finished == self.jobs

    def count(self, *statuses: str) -> int:
        return sum(each.photos for each in self.photos if each.status in statuses)

    @property
    def bad(self) -> bool:
        """Something ended otherwise than decided: a failed photo, a dead or a cancelled job."""
        return bool(self.at(Place.DEAD) or self.at(Place.CANCELLED) or self.count("failed"))


def time_to_go(progress: Progress, settled: int, within_s: float) -> float | None:
    """Seconds, from how many jobs were settled within the last seconds; not before the last one comes due. None where
    nothing moves."""
    left = progress.jobs - progress.finished
    if left == 0:
        return 0.0
    by_due = progress.last_due_s or 0.0
    if settled and within_s > 0:
        return max(by_due, left * within_s / settled)
    return by_due or None
