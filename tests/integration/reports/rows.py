"""Photos of a day, as backend and workers leave them, whose counts a test can work out by itself."""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

DAY = datetime(2026, 11, 19, tzinfo=UTC)
ODD = "=odd|<b>\n'\""
KINDS = (
    ("approved", None), ("rejected", "blurry"), ("rejected", "nsfw"), ("rejected", ODD), ("rejected", None),
    ("failed", "truncated"), ("pending", "needs_review"), ("pending", None),
)  # fmt: skip
Plain = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Photo:
    id: UUID
    user: UUID
    batch: UUID
    at: datetime
    status: str
    reason: str | None
    porn: float


def scores(porn: float) -> str:
    found = {"blur_variance": 0.0, "has_face": True, "face_count": 1, "estimated_age": 25.0,
             "nsfw_scores": {"porn": porn, "sexy": 0.0, "hentai": "odd"}, "processing_time_ms": 180}  # fmt: skip
    return json.dumps(found)


def filled(plain: Plain, batches: int, *, days: int = 3, logged: bool = True, seed: int = 1) -> list[Photo]:
    """Batches spread over some days around DAY, some exactly on its edges."""
    chance = random.Random(seed)
    users = [UUID(int=chance.getrandbits(128)) for _ in range(5)]
    for number, user in enumerate(users):
        plain.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", [user, number + seed * 1000])
    edges = [DAY, DAY + timedelta(days=1), DAY - timedelta(microseconds=1), DAY + timedelta(hours=1)]
    photos = []
    for number in range(batches):
        spread = timedelta(seconds=chance.uniform(-86400, 86400 * (days - 1)))
        at = edges[number] if number < len(edges) else DAY + spread
        user, batch = chance.choice(users), UUID(int=chance.getrandbits(128))
        mine = [_photo(chance, user, batch, at) for _ in range(chance.randint(1, 9))]
        for photo in mine:
            write(plain, photo, logged=logged)
        if logged:
            plain.execute(
                "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at,"
                " claimed_at, took_ms, host, worker, approved, rejected, failed, in_review)"
                " VALUES (%s, %s, %s, 1, %s, %s, %s, %s, 900, 'host-1', 'b1/0', %s, %s, %s, %s)",
                [str(uuid.UUID(int=batch.int)), batch, user, [photo.id for photo in mine], at,
                 at + timedelta(seconds=30), at + timedelta(seconds=2),
                 *(sum(photo.status == status for photo in mine) for status in ("approved", "rejected", "failed")),
                 sum(photo.reason == "needs_review" for photo in mine)],
            )  # fmt: skip
        photos += mine
    return photos


def _photo(chance: random.Random, user: UUID, batch: UUID, at: datetime) -> Photo:
    status, reason = chance.choice(KINDS)
    return Photo(UUID(int=chance.getrandbits(128)), user, batch, at, status, reason, round(chance.random(), 2))


def write(plain: Plain, photo: Photo, *, logged: bool) -> None:
    decided = photo.at + timedelta(seconds=30)
    plain.execute(
        "INSERT INTO media (id, user_id, media_type, url, batch_id, created_at, moderation_status, moderation_reason,"
        " moderated_at, moderation_scores) VALUES (%s, %s, 'photo', 'k', %s, %s, %s, %s, %s, %s)",
        [photo.id, photo.user, photo.batch, photo.at, photo.status, photo.reason,
         None if photo.status == "pending" else decided, scores(photo.porn)],
    )  # fmt: skip
    if logged and not (photo.status == "pending" and photo.reason is None):
        engines = [{"engine": "faces", "status": "answered", "elapsed_ms": 160}]
        plain.execute(
            "INSERT INTO lomi.decisions (at, media_id, batch_id, user_id, job_id, actor, worker, status_before, status,"
            " reason, engines, grounds, processing_ms) VALUES (%s, %s, %s, %s, 'j', 'worker', 'b1/0', 'pending', %s,"
            " %s, %s, '[]', 180)",
            [decided, photo.id, photo.batch, photo.user, photo.status, photo.reason, json.dumps(engines)],
        )


def of_day(photos: list[Photo], start: datetime = DAY) -> list[Photo]:
    return [photo for photo in photos if start <= photo.at < start + timedelta(days=1)]


def by(photos: list[Photo], *statuses: str) -> Counter[str]:
    """Photos with a reason by reason, of these statuses or of all."""
    return Counter(photo.reason for photo in photos if photo.reason and (not statuses or photo.status in statuses))
