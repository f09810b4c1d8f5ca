"""What a run works on, and what its two ways in have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import redis

from lomi_ops.db.pool import Database
from lomi_ops.domain.way import Sees
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.queue.jobs import JobQueue


@dataclass(frozen=True, slots=True)
class Handles:
    """Where a run looks. None: it is not configured, which only the way through the backend allows."""

    database: Database | None
    """With room for two sessions."""
    redis: redis.Redis | None
    """A `queue.client.queue_client`."""
    queue: JobQueue | None
    """On the same client; there exactly when that is."""
    local: bool = False
    """The services are a local stack's."""
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A photo whose bytes are in the store."""

    key: str
    media_id: UUID | None = None
    """None where the backend has yet to give it one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that the system has taken."""

    batch_id: UUID
    photos: tuple[Uploaded, ...]
    accepted_s: float
    at: float
    """On the run's clock: the zero of all that follows."""
    server_ms: int | None = None
    """The same by Redis' clock."""
    job_id: str | None = None
    raw: bytes = b""
    """The element, where we know it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo as the backend shows it to its user."""

    media_id: UUID
    batch_id: UUID | None
    key: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something of ours that is still there."""

    what: str
    """photo, object, job or user"""
    name: str
    why: str


class WayIn(Protocol):
    """How photos get into the system. Entered before the first photo and left after the last word on it."""

    @property
    def name(self) -> str:
        """direct or backend"""
        ...

    @property
    def user_id(self) -> UUID | None:
        """Whose photos these are, where we know."""
        ...

    def sees(self, at: Handles) -> Sees:
        """Where its photos can be followed."""
        ...

    def start(self) -> None:
        """What has to be there before the first photo."""
        ...

    def upload(self, sample: Sample) -> Uploaded:
        """The bytes of one photo."""
        ...

    def send(self, photos: Sequence[Uploaded]) -> Sent:
        """Makes a batch of 1-9 uploaded photos."""
        ...

    def shown(self) -> Mapping[str, Shown]:
        """What the backend shows, by the object's key; nothing where it is not asked."""
        ...

    def clean(self) -> tuple[Left, ...]:
        """Takes back what was made, as far as it can be; what is left. Never raises for weather. Safe to repeat."""
        ...

    def end(self) -> None:
        """Lets go of what `start` has taken."""
        ...
