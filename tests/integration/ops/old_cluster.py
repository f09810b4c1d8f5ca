"""A cluster before the swap: tables, rows, jobs and objects as the backend and the old workers leave them.

Written out from the contract, with nothing of ours: no migration, no script, no key.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import redis
from psycopg.rows import dict_row

QUEUE = "photo_moderation_queue"
BUCKET = "lomi-photos"
ZERO = UUID(int=0)

TABLES = """
CREATE TYPE media_type AS ENUM ('photo', 'video');
CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), telegram_id bigint UNIQUE, name text,
    is_active boolean DEFAULT true, created_at timestamptz DEFAULT now()
);
CREATE TABLE media (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    media_type media_type NOT NULL, url text NOT NULL, thumbnail_url text, duration_seconds int,
    display_order int NOT NULL DEFAULT 1, is_approved boolean DEFAULT false, moderation_notes text,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()
);
"""
MODERATION = """
ALTER TABLE media
    ADD COLUMN moderation_status varchar(20) DEFAULT 'pending', ADD COLUMN moderation_reason text,
    ADD COLUMN moderated_at timestamptz, ADD COLUMN moderation_scores jsonb,
    ADD COLUMN retry_count int DEFAULT 0, ADD COLUMN batch_id uuid;
CREATE INDEX idx_media_moderation_status ON media (moderation_status) WHERE moderation_status = 'pending';
CREATE INDEX idx_media_batch_id ON media (batch_id);
"""


def scores(blur: float = 150.0, faces: int = 1, age: float | None = 25.0, porn: float = 0.01) -> dict[str, Any]:
    """As the old worker wrote them."""
    return {
        "blur_variance": blur, "has_face": faces > 0, "face_count": faces, "estimated_age": age,
        "nsfw_scores": {"porn": porn, "sexy": 0.01, "hentai": 0.0}, "processing_time_ms": 180,
    }  # fmt: skip


@dataclass
class OldCluster:
    redis_url: str
    database_url: str
    objects: Path
    user: UUID = field(default_factory=uuid.uuid4)
    telegram: int = field(default_factory=lambda: uuid.uuid4().int >> 66)

    def build(self, *, moderation: bool = True) -> None:
        (self.objects / BUCKET).mkdir(parents=True)
        with self.sql() as pg:
            pg.execute(TABLES)
            if moderation:
                pg.execute(MODERATION)
            pg.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'Hana')", (self.user, self.telegram))

    def sql(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row)

    def photo(
        self,
        status: str = "pending",
        reason: str | None = None,
        found: dict[str, Any] | None = None,
        *,
        batch: UUID = ZERO,
        data: bytes | None = None,
        ago: timedelta = timedelta(),
    ) -> UUID:
        """A row as it stands after (or before) the old worker, and its object."""
        media = uuid.uuid4()
        key = f"users/{self.user}/photo/{media}.jpg"
        at = datetime.now(UTC) - ago
        with self.sql() as pg:
            pg.execute(
                "INSERT INTO media (id, user_id, media_type, url, is_approved, moderation_status, moderation_reason,"
                " moderation_scores, moderated_at, batch_id, created_at) VALUES (%s, %s, 'photo', %s, %s, %s, %s, %s,"
                " %s, %s, %s)",
                (media, self.user, key, status == "approved", status, reason, json.dumps(found) if found else None,
                 None if status == "pending" else at, batch, at),
            )  # fmt: skip
        if data is not None:
            target = self.objects / BUCKET / key
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return media

    def job(self, batch: UUID, photos: list[UUID], *, ago: timedelta = timedelta()) -> str:
        """The element that the Go producer pushes."""
        refs = [
            {"media_id": str(media), "r2_url": "https://files.example.org/x?X-Amz-Signature=abc",
             "r2_key": f"users/{self.user}/photo/{media}.jpg", "bucket": BUCKET}
            for media in photos
        ]  # fmt: skip
        body = {
            "job_id": str(uuid.uuid4()), "batch_id": str(batch), "user_id": str(self.user),
            "telegram_id": self.telegram, "photos": refs,
            "created_at": f"{datetime.now(UTC) - ago:%Y-%m-%dT%H:%M:%S}.123456789Z", "retry_count": 0, "priority": 1,
        }  # fmt: skip
        return json.dumps(body, separators=(",", ":"))

    def push(self, raw: str) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.lpush(QUEUE, raw)

    def picture(self) -> dict[str, object]:
        """Everything that a write would change, in both servers."""
        with redis.Redis.from_url(self.redis_url) as client, self.sql() as pg:
            keys = sorted(client.keys())
            return {
                "changes": client.info("persistence")["rdb_changes_since_last_save"],
                "keys": {key: client.dump(key) for key in keys},
                "relations": pg.execute("SELECT oid, relname, relfilenode FROM pg_class ORDER BY oid").fetchall(),
                "schemas": pg.execute("SELECT oid, nspname FROM pg_namespace ORDER BY oid").fetchall(),
                "media": pg.execute("SELECT xmin::text, * FROM media ORDER BY id").fetchall(),
                "users": pg.execute("SELECT xmin::text, * FROM users ORDER BY id").fetchall(),
            }  # fmt: skip
