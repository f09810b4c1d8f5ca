"""The backend's limit: 30 photos per user in 24 hours, counted in Redis by the backend itself.

Nothing is uploaded to find out. Where people have uploaded, the limit leaves traces: a counter for each of them, which
ends within a day, and nobody beyond it.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from lomi_ops.db import uploads
from lomi_ops.domain.check import CLUSTER, CheckSpec, Cost, Found, Metric, Status
from lomi_ops.domain.window import Window
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.postgres import MEDIA
from lomi_ops.ops.checks.redis import PING
from lomi_ops.ops.checks.words import counted
from lomi_ops.queue.client import guarded

LIMIT, DAY = 30, timedelta(hours=24)
COUNTER = "photo_upload_rate:"
"""Of a user's id; the backend's key."""
LATELY = timedelta(hours=1)
"""A counter of somebody who uploaded so lately cannot have ended yet."""
SOME = 50
"""Users that are looked at."""


def limit(at: Handles) -> Found:
    now = at.database.now()
    most = uploads.by_user(at.database, Window(now - DAY, now), 1)
    if most and most[0].photos > LIMIT:
        text = f"a user has {most[0].photos} photos of the last 24 h, {LIMIT} are allowed"
        metric = Metric("photos_of_one_user", most[0].photos, fail=LIMIT + 1)
        return Found(Status.FAIL, text, "see whether the backend counts: redis-cli KEYS 'photo_upload_rate:*'",
                     metric=metric).seen(str(most[0].photos), f"<= {LIMIT}")  # fmt: skip
    lately = [each.user_id for each in uploads.by_user(at.database, Window(now - LATELY, now), SOME)]
    if not lately:
        return Found(Status.SKIP, "nobody has uploaded a photo in the last hour")
    return _counters(at, lately)


def _counters(at: Handles, users: list[UUID]) -> Found:
    names = [f"{COUNTER}{user}" for user in users]
    with guarded(at.redis, "the upload counters"), at.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.ttl(name)
        left: list[int] = pipe.execute()
    hint = "the backend's REDIS_HOST and REDIS_DB must be these; see its log for photo_upload_rate"
    absent, endless = left.count(-2), left.count(-1)
    if absent:
        text = f"{absent} of {len(users)} users who uploaded in the last hour have no counter: nothing limits them"
        return Found(Status.FAIL, text, hint)
    if endless:
        text = f"{counted(endless, 'counter', 'counters')} of {len(users)} never ends: these users are locked out"
        return Found(Status.FAIL, text, f"redis-cli EXPIRE {names[left.index(-1)]} 86400")
    return Found(Status.PASS, f"{counted(len(users), 'user', 'users')} of the last hour counted, nobody beyond {LIMIT}")


CHECKS = (
    Check(CheckSpec("LOMI-UPLOADS-001", "uploads.limit", "the limit of 30 photos a day is in force",
                    "docker compose -f docker-compose.prod.yml logs --tail 100 backend", (PING, MEDIA), cost=Cost.DEEP,
                    target="postgres", scopes=CLUSTER), limit),
)  # fmt: skip
