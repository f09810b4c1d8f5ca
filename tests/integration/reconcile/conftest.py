"""A cluster seen from both sides: rows as the backend writes them, jobs as its producer pushes them, and our runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import ledger
from lomi_ops.db.ledger import Settled
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reconcile.outcome import Order, Outcome
from lomi_ops.ops.reconcile.run import Handles, reconcile
from lomi_ops.queue.client import call, queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.wire import dump_job
from tests.integration.db.conftest import (  # noqa: F401 - fixtures
    Backend,
    backend,
    db,
    plain,
    plainly,
)

LONG_AGO = datetime.now(UTC) - timedelta(hours=2)
ZERO = UUID(int=0)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Cluster:
    backend: Backend
    handles: Handles
    client: redis.Redis
    waited: list[float]
    _claims: int = field(default=0)

    @property
    def queue(self) -> JobQueue:
        return self.handles.queue

    def upload(self, photos: int = 3, *, at: datetime = LONG_AGO, batch: UUID | None = None) -> Job:
        """Rows of one batch, and the job that the producer would push for it; nothing is pushed."""
        user_id, batch_id = self.backend.user(uuid.uuid4().int >> 66), batch or uuid.uuid4()
        ids = [self.backend.photo(user_id, batch_id, created_at=at) for _ in range(photos)]
        refs = tuple(PhotoRef(media_id, key_of(user_id, media_id), "lomi-photos") for media_id in ids)
        return Job(str(uuid.uuid4()), batch_id, user_id, 77, refs, at)

    def old_upload(self, photos: int, batch: UUID | None = ZERO, *, user: UUID | None = None) -> list[UUID]:
        """Rows as the old endpoint wrote them, a second apart."""
        user = user or self.backend.user(uuid.uuid4().int >> 66)
        return [self.backend.photo(user, batch, created_at=LONG_AGO + timedelta(seconds=n)) for n in range(photos)]

    def push(self, job: Job) -> None:
        self.client.lpush(self.queue.keys.ready, dump_job(job))

    def claim(self) -> Claimed:
        self._claims += 1
        claimed = self.queue.claim(f"boot/{self._claims}", 1, str(uuid.uuid4()), 600)
        assert isinstance(claimed, Claimed), claimed
        return claimed

    def settle(self, job: Job, *decisions: PhotoDecision, at: datetime | None = None) -> Settled:
        return ledger.settle(self.handles.database, job, decisions, attempt=1, token="t", worker="w/0", at=at or now())

    def approve(self, job: Job, *, at: datetime | None = None) -> Settled:
        return self.settle(job, *(plainly(photo.media_id, MediaStatus.APPROVED) for photo in job.photos), at=at)

    def reset(self, *media_ids: UUID) -> None:
        """As a restored backup, or an operator at psql, leaves rows behind."""
        self.backend.connection.execute(
            "UPDATE media SET moderation_status = 'pending', moderation_reason = NULL, moderation_scores = NULL,"
            " moderated_at = NULL, is_approved = false WHERE id = ANY(%s)",
            [list(media_ids)],
        )

    def run(self, **order: Any) -> Outcome:
        return reconcile(self.handles, Order(actor="abebe", at=now(), **order))

    def with_queue(self, queue: JobQueue) -> Cluster:
        return replace(self, handles=replace(self.handles, queue=queue))

    def waiting(self) -> list[dict[str, Any]]:
        """What is in the list, the next one first."""
        return [json.loads(raw) for raw in reversed(self.client.lrange(self.queue.keys.ready, 0, -1))]

    def row(self, media_id: UUID) -> dict[str, Any]:
        return self.backend.row(media_id)

    def audit(self) -> list[dict[str, Any]]:
        return self.backend.connection.execute("SELECT * FROM lomi.audit ORDER BY id").fetchall()

    def state(self) -> tuple[object, ...]:
        """Everything that a run could change."""
        rows = [
            self.backend.connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("media", "lomi.audit", "lomi.jobs", "lomi.decisions")
        ]
        keys: Any = self.client.keys("*")
        return (rows, {key: self._content(key) for key in keys})

    def _content(self, key: bytes) -> object:
        read: dict[bytes, tuple[object, ...]] = {
            b"list": ("LRANGE", key, 0, -1),
            b"hash": ("HGETALL", key),
            b"zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            b"stream": ("XRANGE", key, "-", "+"),
            b"string": ("GET", key),
        }
        return call(self.client, *read[call(self.client, "TYPE", key)])  # type: ignore[arg-type]


def key_of(user_id: UUID, media_id: UUID) -> str:
    return f"users/{user_id}/photo/{media_id}.jpg"


def ids_of(jobs: Sequence[dict[str, Any]]) -> list[UUID]:
    return [UUID(photo["media_id"]) for job in jobs for photo in job["photos"]]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    made = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield made
    made.close()


@pytest.fixture
def cluster(
    db: Database,  # noqa: F811
    backend: Backend,  # noqa: F811
    client: redis.Redis,
) -> Cluster:
    return clustered(db, backend, client)


def clustered(database: Database, backend: Backend, client: redis.Redis) -> Cluster:  # noqa: F811
    waited: list[float] = []
    handles = Handles(
        database, JobQueue(client), client, "lomi-photos", lambda key: f"https://files.example/{key}?a=1&b=2",
        wait=waited.append,
    )  # fmt: skip
    return Cluster(backend, handles, client, waited)


@pytest.fixture
def unswapped(database_url: str, client: redis.Redis) -> Iterator[Cluster]:
    """The backend's own tables with the moderation columns, and nothing of ours."""
    from lomi_ops.db.queries import script

    with (
        Database(database_url, application="test") as database,
        psycopg.connect(database_url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection,
    ):
        with database.session() as session:
            session.script(script("contract/uuid.sql"))
            session.script(script("contract/tables.sql"))
            session.script(script("contract/media_columns.sql"))
        yield clustered(database, Backend(connection), client)
