"""Jobs as the producer pushes them, and the server that they are pushed to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import QUEUE, RESULTS_CHANNEL


def element(
    media_id: uuid.UUID | None = None, batch_id: uuid.UUID | None = None, user: uuid.UUID | None = None
) -> bytes:
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


def photos_pushed(client: redis.Redis, database_url: str, number: int) -> None:
    """Batches of one photo whose rows are `pending`, as the backend leaves them behind."""
    user = uuid.uuid4()
    ids = [(uuid.uuid4(), uuid.uuid4()) for _ in range(number)]
    with psycopg.connect(database_url, autocommit=True) as pg:
        pg.execute("TRUNCATE users, media CASCADE")
        pg.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, 77, 'A')", (user,))
        with pg.cursor().copy("COPY media (id, user_id, media_type, url, batch_id) FROM STDIN") as rows:
            for media, batch in ids:
                rows.write_row((media, user, "photo", "u", batch))
    for start in range(0, number, 1000):
        client.lpush(QUEUE, *(element(media, batch, user) for media, batch in ids[start : start + 1000]))


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
