"""A photo's way through the system, leg by leg, and the targets that the system promises. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus

REVIEW = "review"
"""What a person calls a photo that waits for a person."""
FINAL = frozenset({MediaStatus.APPROVED.value, MediaStatus.REJECTED.value, MediaStatus.FAILED.value})


class Leg(StrEnum):
    """One part of the way. Those of a photo are told per photo, those of a batch per batch."""

    UPLOAD = "upload"
    """The bytes into the object store, of one photo."""
    ACCEPTED = "accepted"
    """Rows and job, until the user has an answer, of one batch."""
    STARTED = "started"
    """From the push of the job to the claim of a worker, of one batch."""
    JUDGED = "judged"
    """What the worker spent on one photo, by its own word."""
    SETTLED = "settled"
    """From the push until Postgres shows the decision, of one photo."""
    PUBLISHED = "published"
    """From the push to the message on the channel, of one photo."""
    SHOWN = "shown"
    """From the push until the backend shows the decision to the user, of one photo."""
    BATCH = "batch"
    """From the claim, or where nobody knows of it from the push, to the last word on the batch."""


TARGETS = {Leg.ACCEPTED: 0.2, Leg.STARTED: 5.0, Leg.JUDGED: 1.8, Leg.BATCH: 3.0}
"""Seconds, as the system promises them: answer to the user, queue to worker, a photo, a batch of nine."""


@dataclass(frozen=True, slots=True)
class Sees:
    """Where we can look."""

    database: bool
    """`media` in Postgres."""
    channel: bool
    """Results in Redis, and the queue."""
    app: bool
    """What the backend shows to the user."""


class Where(StrEnum):
    UPLOAD = "upload"
    QUEUE = "queue"
    """In the queue, no worker has it."""
    WORKER = "worker"
    """A worker had it, and settled nothing."""
    DATABASE = "database"
    """Its row is not as it should be."""
    CHANNEL = "channel"
    """Settled, and not published."""
    APP = "app"
    """Published, and the backend does not show it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where something ended before its time."""

    where: Where
    text: str
    hint: str = ""
    """The next command."""


@dataclass(frozen=True, slots=True)
class PhotoWay:
    """How far one photo came. Times are seconds; None: not yet, or nobody can see it."""

    name: str
    expected: str | None = None
    """`approved`, `rejected: blurry` …; None where nothing is expected."""
    media_id: UUID | None = None
    key: str = ""
    status: str | None = None
    """`media.moderation_status`, or what the backend shows."""
    reason: str | None = None
    legs: Mapping[Leg, float] = field(default_factory=dict)
    messages: int = 0
    """How often its decision was published."""

    @property
    def decision(self) -> str | None:
        """approved, rejected, failed, review; None where nobody has decided."""
        if self.status == MediaStatus.PENDING and self.reason == NEEDS_REVIEW:
            return REVIEW
        return self.status if self.status in FINAL else None

    @property
    def said(self) -> str:
        """Decision and reason in one."""
        if self.decision is None:
            return "undecided"
        return f"{self.decision}: {self.reason}" if self.reason and self.decision != REVIEW else self.decision

    @property
    def as_expected(self) -> bool | None:
        return None if self.expected is None or self.decision is None else self.said == self.expected

    def done(self, sees: Sees) -> bool:
        """Decided, and known wherever we can look. A photo in review is published later, by a person's decision."""
        if self.decision is None:
            return False
        wanted = ((sees.database, Leg.SETTLED), (sees.app, Leg.SHOWN), (sees.channel, Leg.PUBLISHED))
        return all(leg in self.legs for sees_it, leg in wanted if sees_it and not self._never(leg))

    def _never(self, leg: Leg) -> bool:
        return leg is Leg.PUBLISHED and self.decision == REVIEW

    @property
    def last_s(self) -> float | None:
        """Seconds from the push to the last word on it."""
        return max(
            (self.legs[leg] for leg in (Leg.SETTLED, Leg.PUBLISHED, Leg.SHOWN) if leg in self.legs), default=None
        )


@dataclass(frozen=True, slots=True)
class BatchWay:
    """How far one batch came."""

    photos: tuple[PhotoWay, ...]
    batch_id: UUID | None = None
    job_id: str | None = None
    legs: Mapping[Leg, float] = field(default_factory=dict)
    """ACCEPTED and STARTED."""
    stopped: Stop | None = None

    @property
    def sent(self) -> bool:
        return self.batch_id is not None

    def done(self, sees: Sees) -> bool:
        return self.sent and all(photo.done(sees) for photo in self.photos)

    def stage(self, photo: PhotoWay) -> str:
        """How far one of its photos is, in a word or two."""
        if photo.decision is not None:
            last = [leg.value for leg in (Leg.SETTLED, Leg.PUBLISHED, Leg.SHOWN) if leg in photo.legs]
            return last[-1] if last else "decided"
        if not self.sent:
            return "uploaded" if Leg.UPLOAD in photo.legs else "waiting"
        return "at a worker" if Leg.STARTED in self.legs else "queued"

    @property
    def whole_s(self) -> float | None:
        """The BATCH leg; None while something is missing."""
        ends = [photo.last_s for photo in self.photos]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends) or not known:
            return None
        return max(0.0, max(known) - self.legs.get(Leg.STARTED, 0.0))


@dataclass(frozen=True, slots=True)
class Missed:
    """A target that was not met."""

    leg: Leg
    times: int
    """By so many photos or batches."""
    of: int
    worst_s: float

    @property
    def text(self) -> str:
        noun = "photo" if self.leg is Leg.JUDGED else "batch"
        plural = f"{noun}s" if noun == "photo" else "batches"
        many = f"{self.times} of {self.of} {plural}" if self.of > 1 else f"the {noun}"
        return (
            f"{_SENTENCE[self.leg].format(many)}: at worst {self.worst_s:.2f} s, the target is {TARGETS[self.leg]:g} s"
        )


_SENTENCE = {
    Leg.ACCEPTED: "the answer to the user came late for {}",
    Leg.STARTED: "no worker was quick to take {}",
    Leg.JUDGED: "judging took long for {}",
    Leg.BATCH: "{} took long from the claim to the last decision",
}


def measured(batches: tuple[BatchWay, ...], leg: Leg) -> list[float]:
    """Every measurement of a leg."""
    if leg is Leg.BATCH:
        return [whole for batch in batches if (whole := batch.whole_s) is not None]
    if leg in (Leg.ACCEPTED, Leg.STARTED):
        return [batch.legs[leg] for batch in batches if leg in batch.legs]
    return [photo.legs[leg] for batch in batches for photo in batch.photos if leg in photo.legs]


def missed(batches: tuple[BatchWay, ...]) -> Iterator[Missed]:
    """The targets that were not met, in the order of the way."""
    for leg, target in TARGETS.items():
        times = measured(batches, leg)
        late = [time for time in times if time > target]
        if late:
            yield Missed(leg, len(late), len(times), max(late))
