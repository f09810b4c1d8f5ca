"""The backend's database before its moderation migration."""

from __future__ import annotations

from typing import Any

import psycopg

OLD_MEDIA = """
    CREATE TYPE media_type AS ENUM ('photo', 'video');
    CREATE TABLE users (id uuid PRIMARY KEY, telegram_id bigint UNIQUE, name text, is_active boolean);
    CREATE TABLE media (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        media_type media_type NOT NULL, url text NOT NULL, thumbnail_url text, duration_seconds int,
        display_order int NOT NULL DEFAULT 1, is_approved boolean DEFAULT false, moderation_notes text,
        created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
    INSERT INTO users VALUES ('00000000-0000-0000-0000-00000000000a', 1, 'A', true);
    INSERT INTO media (user_id, media_type, url, is_approved)
    SELECT '00000000-0000-0000-0000-00000000000a', 'photo', 'k' || n, n <= 3 FROM generate_series(1, 5) AS n;
"""
"""Three photos that are approved, two that are not."""


def statuses(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT moderation_status, count(*) FROM media GROUP BY 1 ORDER BY 1").fetchall()
