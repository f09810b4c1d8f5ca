"""Judging decided photos again: which may be touched, and what becomes of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.pile import suspected_minor
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus
from lomi_ops.errors import UsageError


class Fate(StrEnum):
    """What becomes of a photo that is judged again."""

    CHANGED = "changed"
    """It stands otherwise now; of a shadow run: it would."""
    SAME = "same"
    UNKNOWN = "unknown"
    """An engine gave no answer, or the judging process died: left as it was, never approved."""
    UNREADABLE = "unreadable"
    """It cannot be decoded any more, or yet: left as it was."""
    GONE = "gone"
    """Its object or its row."""
    MOVED = "moved"
    """It changed between the read and the write: left as it is."""
    PERSON = "person"
    """A person's decision holds."""
    HELD = "held"
    """Somebody looks at it now."""
    MINOR = "minor"
    """A suspected minor: only a person decides."""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What the engines say now."""

    media_id: UUID
    decision: PhotoDecision | None
    """None where nothing can be told."""
    fate: Fate = Fate.UNKNOWN
    """Why there is no decision."""
    outage: bool = False
    """Whether an engine gave no answer that others may give in a moment."""


@dataclass(frozen=True, slots=True)
class Live:
    """What waits in the queue of live uploads."""

    waiting: int
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class Yielding:
    """How much may wait before we stand back."""

    waiting: int = 10
    oldest_s: float = 30.0

    def busy(self, live: Live) -> bool:
        return live.waiting > self.waiting or (live.waiting > 0 and (live.oldest_s or 0.0) > self.oldest_s)


class Stands(Protocol):
    """A row of `media`."""

    @property
    def status(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def scores(self) -> object: ...
    @property
    def moderated_at(self) -> datetime | None: ...


def eligible(photo: Stands, at: datetime) -> bool:
    """Whether it was decided before the run began, or waits for a person. What waits for a worker is the worker's."""
    if photo.status == MediaStatus.PENDING:
        return photo.reason == NEEDS_REVIEW
    decided = photo.status in (MediaStatus.APPROVED, MediaStatus.REJECTED, MediaStatus.FAILED)
    return decided and (photo.moderated_at is None or photo.moderated_at <= at)


def left_alone(photo: Stands, *, by_person: bool, overrides: bool) -> Fate | None:
    """Why a photo is not even looked at; None where it is judged."""
    if by_person and not overrides:
        return Fate.PERSON
    return Fate.MINOR if suspected_minor(photo.reason, photo.scores) else None


def fate_of(status: str | None, reason: str | None, answer: Rejudged) -> Fate:
    """What becomes of a photo that stands like this, by what the engines say."""
    if answer.decision is None:
        return answer.fate
    same = (status, reason or None) == (answer.decision.status.value, answer.decision.reason or None)
    return Fate.SAME if same else Fate.CHANGED


_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?:/(s|min|h))?", re.ASCII)
_MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0, None: 1.0}


def per_minute(text: str) -> float:
    """Of `60/min`, `2/s`, `500/h`; a bare number is by the minute. Raises UsageError."""
    found = _RATE.fullmatch(text.strip())
    number = float(found[1]) / _MINUTES[found[2]] if found else 0.0
    if number <= 0:
        raise UsageError(f"{text!r} is no rate", hint="--rate 60/min, 2/s or 500/h")
    return number
