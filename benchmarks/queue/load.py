"""Jobs as the producer pushes them, and the server that they are pushed to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from lomi_ops.config.schema import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import QUEUE, RESULTS_CHANNEL


def element(media_id: uuid.UUID | None = None, batch_id: uuid.UUID | None = None, user: uuid.UUID | None = None) -> bytes:
    """A batch of one photo."""
    user = user or uuid.uuid4()
    media = media_id or uuid.uuid4()
    photo = {
        "media_id": str(media),
        "r2_url": f"https://photos.example/users/{user}/photo/{media}.jpg",
        "r2_key": f"users/{user}/photo/{media}.jpg",
        "bucket": "lomi-photos",
    }
    job = {
        "job_id": str(uuid.uuid4()),
        "batch_id": str(batch_id or uuid.uuid4()),
        "user_id": str(user),
        "telegram_id": 77,
        "photos": [photo],
        "created_at": "2026-11-20T10:00:00Z",
        "retry_count": 0,
        "priority": 1,
    }
    return json.dumps(job, separators=(",", ":")).encode()


def fill(client: redis.Redis, number: int, key: str = QUEUE) -> None:
    for start in range(0, number, 1000):
        client.lpush(key, *(element() for _ in range(min(1000, number - start))))


def connect(url: str, **settings: Any) -> redis.Redis:
    return queue_client(RedisSection.model_validate({"url": url} | settings))


@contextmanager
def listening(url: str) -> Iterator[None]:
    """A subscriber on the results channel, as the backend is one; it reads so that the server need not buffer."""
    client = redis.Redis.from_url(url)
    ear = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    ear.subscribe(**{RESULTS_CHANNEL: lambda _: None})
    reader = ear.run_in_thread(sleep_time=0.1, daemon=True)
    try:
        yield
    finally:
        reader.stop()
        reader.join()
        ear.close()
        client.close()
