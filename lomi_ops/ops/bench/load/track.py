"""What became of every photo of a load: when it was taken, decided and published, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lomi_ops.db.media import photos_of
from lomi_ops.db.pool import Database
from lomi_ops.domain import marked
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.way import REVIEW, PhotoWay
from lomi_ops.ops.demo.results import Heard, Results
from lomi_ops.ops.e2e.handles import Sent
from lomi_ops.queue.jobs import JobQueue

ROWS_S = 1.0
"""How often Postgres is asked about photos that nothing was heard of: those in review are published to nobody."""
CHUNK = 500


@dataclass(slots=True)
class Batch:
    """One batch that the system has taken."""

    sent: Sent
    started_s: float | None = None
    """From the push to the first claim, by Redis' clock; None where the queue has forgotten it."""
    open: int = 0
    """Photos without a decision."""
    last_s: float = 0.0
    """From the push to its last decision."""


@dataclass(slots=True)
class Photo:
    batch: Batch
    messages: int = 0
    decision: str | None = None
    """approved, rejected, failed, review."""
    after_s: float | None = None
    """From the push until its decision was heard, or seen in Postgres."""


@dataclass(slots=True)
class Tracker:
    """`add` from any thread; the rest from one."""

    database: Database
    queue: JobQueue
    photos: dict[UUID, Photo] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    decided: int = 0
    _early: list[tuple[UUID, float]] = field(default_factory=list)
    """Heard of before whoever sent them could tell."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked_at: float = 0.0

    def add(self, sent: Sent) -> None:
        batch = Batch(sent, open=len(sent.photos))
        with self._lock:
            self.batches.append(batch)
            self.photos.update({photo.media_id: Photo(batch) for photo in sent.photos if photo.media_id is not None})

    @property
    def open(self) -> list[UUID]:
        """Photos without a decision."""
        with self._lock:
            return [media_id for media_id, photo in self.photos.items() if photo.decision is None]

    def listen(self, results: Results, for_s: float) -> None:
        """Hears what is published, and looks at the rows now and then. Raises RedisUnavailable, DatabaseUnavailable."""
        self._hear_again()
        heard = results.hear(for_s)
        while heard is not None:
            self._heard(heard)
            heard = results.hear(0)
        if time.monotonic() - self._asked_at >= ROWS_S:
            self.look()

    def look(self) -> None:
        """At the rows of all photos without a decision."""
        waiting = self.open
        for start in range(0, len(waiting), CHUNK):
            now = time.monotonic()
            for media_id, row in photos_of(self.database, waiting[start : start + CHUNK]).items():
                self._decide(media_id, PhotoWay("", status=row.status, reason=row.reason).decision, now)
        self._asked_at = time.monotonic()

    def _hear_again(self) -> None:
        early, self._early = self._early, []
        for media_id, at in early:
            self._publish(media_id, at)

    def _heard(self, heard: Heard) -> None:
        now = time.monotonic()
        for media_id in heard.photos:
            self._publish(media_id, now)
        first = next((self.photos[each] for each in heard.photos if each in self.photos), None)
        if first is not None and first.batch.started_s is None:
            self._start(first.batch)

    def _publish(self, media_id: UUID, at: float) -> None:
        with self._lock:
            photo = self.photos.get(media_id)
        if photo is None:
            if marked.is_marked(media_id):
                self._early.append((media_id, at))
            return
        photo.messages += 1
        self._decide(media_id, photo.decision or "published", at)

    def _decide(self, media_id: UUID, decision: str | None, at: float) -> None:
        photo = self.photos[media_id]
        if decision is None:
            return
        if photo.after_s is None:
            photo.after_s = at - photo.batch.sent.at
            photo.batch.open -= 1
            photo.batch.last_s = max(photo.batch.last_s, photo.after_s)
            self.decided += 1
        photo.decision = decision

    def _start(self, batch: Batch) -> None:
        record = self.queue.job(batch.sent.job_id or "")
        if record is not None and record.claimed_ms and batch.sent.server_ms is not None:
            batch.started_s = max(0.0, (record.claimed_ms - batch.sent.server_ms) / 1000)

    def settle(self) -> None:
        """Gives every decision its word, by the rows: a message alone does not say who failed."""
        known = [media_id for media_id, photo in self.photos.items() if photo.decision not in (None, REVIEW)]
        for start in range(0, len(known), CHUNK):
            for media_id, row in photos_of(self.database, known[start : start + CHUNK]).items():
                found = PhotoWay("", status=row.status, reason=row.reason).decision
                self.photos[media_id].decision = found

    def count(self, *decisions: str | None) -> int:
        return sum(photo.decision in decisions for photo in self.photos.values())

    @property
    def failed(self) -> int:
        return self.count(MediaStatus.FAILED.value)

    @property
    def twice(self) -> int:
        """Photos whose decision was published more than once: each message is a push to a person."""
        return sum(photo.messages > 1 for photo in self.photos.values())

    def after_s(self) -> Sequence[float]:
        return [photo.after_s for photo in self.photos.values() if photo.after_s is not None]
