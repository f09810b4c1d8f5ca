"""A desk on real services, whose clock a test drives, and the app that hears what is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import ledger
from lomi_ops.db.pool import Database
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reviews.desk import Choice, Desk
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL
from tests.ears import told
from tests.integration.db.conftest import (  # noqa: F401 - fixtures
    AT,
    POLICY,
    Backend,
    backend,
    db,
    judged,
    plain,
)

APPROVE = Choice(MediaStatus.APPROVED, note="it is a fine portrait")


@dataclass
class Clock:
    """The server's time, as far as the desk can tell."""

    at: datetime = AT

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Room:
    """Everything that a reviewer can reach."""

    db: Database
    backend: Backend
    queue: JobQueue
    clock: Clock
    ear: Any
    section: ReviewSection = field(default_factory=ReviewSection)

    def desk(self, actor: str = "hana", *, queue: JobQueue | None = None) -> Desk:
        return Desk(self.db, queue or self.queue, actor, self.section, clock=self.clock)

    def batch(self, number: int, **properties: Any) -> list[UUID]:
        """Photos of one upload as a worker judges them: blurred without further properties."""
        job = self.backend.job(number)
        given = properties or {"sharpness": 3.0}
        decisions = [judged(photo.media_id, **given) for photo in job.photos]
        ledger.settle(self.db, job, decisions, attempt=1, token="t", worker="w", at=self.clock(), policy=POLICY)
        return [photo.media_id for photo in job.photos]

    def heard(self) -> list[dict[str, Any]]:
        """What the app has been told since the last call."""
        return [json.loads(message) for message in told(self.ear)]

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return self.backend.connection.execute(sql, values).fetchall()


@pytest.fixture
def room(db: Database, backend: Backend, redis_url: str) -> Iterator[Room]:  # noqa: F811
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    with redis.Redis.from_url(redis_url) as other, other.pubsub() as ear:
        ear.subscribe(RESULTS_CHANNEL)
        assert ear.get_message(timeout=10)
        yield Room(db, backend, JobQueue(client), Clock(), ear)
    client.close()
