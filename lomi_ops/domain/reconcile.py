"""What became of every photo that is `pending`, and which jobs bring back those that nobody has. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from lomi_ops.domain.job import MAX_PHOTOS

OLDER_THAN_S = 600.0
"""A photo that has been pending for less may still be on its way into the queue."""
APPLY_AFTER_S = 60.0
"""A decision that is younger may be in the middle of its transaction."""
NO_BATCH = UUID(int=0)
"""The batch of a row that the old endpoint wrote: there the zero UUID or null, here always the former."""
MAX_KEY = 2048
"""Characters of a key that a job can carry (`queue.wire`)."""


class Bucket(StrEnum):
    """What became of a pending photo. Every one is in exactly one of these."""

    IN_REVIEW = "in_review"
    """A person decides."""
    ON_ITS_WAY = "on_its_way"
    """Some job in the queue names it, or its decision was taken a moment ago."""
    UNAPPLIED = "unapplied"
    """The decision log has a decision that `media` does not show."""
    OPEN = "open"
    """Its job is open in the ledger, and is not in the queue."""
    DEAD = "dead"
    """Its only job is a dead letter: a person decides what becomes of that."""
    YOUNG = "young"
    APPROVED_BEFORE = "approved_before"
    """Approved before there was moderation: a migration gives such a row its status, no worker needs to look."""
    NO_KEY = "no_key"
    """Its row names no object that a job could name."""
    NEVER_QUEUED = "never_queued"
    """A row of the old endpoint: no batch, or the zero UUID."""
    LOST = "lost"
    """It belongs to a batch, and no job names it."""

    @property
    def repairable(self) -> bool:
        return self in (Bucket.UNAPPLIED, Bucket.NEVER_QUEUED, Bucket.LOST)

    @property
    def stuck(self) -> bool:
        """Nothing will happen to it by itself, and reconciling must not touch it."""
        return self in (Bucket.OPEN, Bucket.DEAD, Bucket.APPROVED_BEFORE, Bucket.NO_KEY)


class Repair(StrEnum):
    """What reconciling does, as the audit names it."""

    QUEUE = "reconcile.queue"
    ADOPT = "reconcile.adopt"
    """Rows of the old endpoint get a batch."""
    APPLY = "reconcile.apply"


@dataclass(frozen=True, slots=True)
class PendingPhoto:
    """A row of `media` that is `pending`."""

    media_id: UUID
    user_id: UUID
    batch_id: UUID
    """`NO_BATCH` for none."""
    telegram_id: int
    key: str
    place: float
    """When it was uploaded, in seconds since 1970, for the order; -inf where nobody knows."""
    in_review: bool
    old: bool
    """Pending for longer than the limit."""
    approved_before: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """What queue and record know about a photo."""

    live: bool = False
    """In the list, the high or the bulk list, delayed or running."""
    dead: bool = False
    open: bool = False
    """In an open row of the ledger."""
    decided_s: float | None = None
    """Seconds since its latest decision; None where there is none, or where that one asked for a person."""


def bucket_of(photo: PendingPhoto, trace: Trace, *, include_dead: bool = False) -> Bucket:
    """Where the photo belongs; the first of these that is true. `include_dead` takes a dead letter for no job."""
    if photo.in_review:
        return Bucket.IN_REVIEW
    if trace.live:
        return Bucket.ON_ITS_WAY
    if trace.decided_s is not None:
        return Bucket.UNAPPLIED if trace.decided_s >= APPLY_AFTER_S else Bucket.ON_ITS_WAY
    if trace.open:
        return Bucket.OPEN
    if trace.dead and not include_dead:
        return Bucket.DEAD
    if not photo.old:
        return Bucket.YOUNG
    if photo.approved_before:
        return Bucket.APPROVED_BEFORE
    if not 0 < len(photo.key) <= MAX_KEY:
        return Bucket.NO_KEY
    return Bucket.NEVER_QUEUED if photo.batch_id == NO_BATCH else Bucket.LOST


@dataclass(frozen=True, slots=True)
class Group:
    """Photos that become one job: 1-9 of one user and of one batch, the oldest first."""

    photos: tuple[PendingPhoto, ...]
    batch_id: UUID
    """`NO_BATCH`: one is to be made, and written into the rows first."""

    @property
    def user_id(self) -> UUID:
        return self.photos[0].user_id

    @property
    def media_ids(self) -> tuple[UUID, ...]:
        return tuple(photo.media_id for photo in self.photos)

    def joined(self, batch_id: UUID, hit: Iterable[UUID]) -> Group | None:
        """The group as those of its rows that took the batch; None where none did."""
        kept = frozenset(hit)
        photos = tuple(photo for photo in self.photos if photo.media_id in kept)
        return Group(photos, batch_id) if photos else None


def group(photos: Iterable[PendingPhoto]) -> tuple[Group, ...]:
    """Photos that nobody has, as jobs: by batch, and without a batch by user; the job with the oldest photo first."""
    together: dict[tuple[UUID, UUID], list[PendingPhoto]] = {}
    for photo in sorted(photos, key=lambda photo: (photo.place, photo.media_id)):
        together.setdefault((photo.batch_id, photo.user_id), []).append(photo)
    groups = [Group(part, batch_id) for (batch_id, _), members in together.items() for part in _nines(members)]
    return tuple(sorted(groups, key=lambda each: (each.photos[0].place, each.photos[0].media_id)))


def _nines(photos: Sequence[PendingPhoto]) -> Iterator[tuple[PendingPhoto, ...]]:
    return (tuple(photos[at : at + MAX_PHOTOS]) for at in range(0, len(photos), MAX_PHOTOS))


def job_id_of(batch_id: UUID, media_ids: Iterable[UUID], number: int) -> str:
    """The name of the `number`th job for these photos. Whoever reconciles finds the same, so the queue refuses a second
    copy; once that name is used up, the next number is free."""
    photos = ",".join(sorted(map(str, media_ids)))
    return str(uuid.uuid5(batch_id, f"{photos};{number}"))


class NameState(StrEnum):
    """Whether a job may be submitted under a name."""

    FREE = "free"
    BUSY = "busy"
    """A job of that name was queued a moment ago."""
    USED = "used"
    """A job of that name is over, dead, or was taken away by an old worker: it will never run again."""


def name_state(waits: bool, seen_s: float | None, *, settled: bool, older_than_s: float) -> NameState:
    """Of a name. `seen_s`: seconds since the queue first saw a job of that name, None where it remembers none; `waits`:
    it still calls it ready, delayed or running, although it is nowhere in the queue; `settled`: the ledger has it."""
    if not settled and seen_s is None:
        return NameState.FREE
    if not settled and waits and seen_s is not None and seen_s < older_than_s:
        return NameState.BUSY
    return NameState.USED
