"""Elements as the Go producer pushes them, written out by hand: independent of our own encoder."""

from __future__ import annotations

import json
import uuid
from typing import Any


def body(**changes: Any) -> dict[str, Any]:
    """A job with one photo; a change to None removes the key."""
    job = {
        "job_id": str(uuid.uuid4()),
        "batch_id": str(uuid.uuid4()),
        "user_id": str(uuid.uuid4()),
        "telegram_id": 123456789,
        "photos": [
            {
                "media_id": str(uuid.uuid4()),
                "r2_url": "https://objects.example/x?a=1",
                "r2_key": "users/1/photo/1.jpg",
                "bucket": "lomi-photos",
            }
        ],
        "created_at": "2025-11-24T10:00:00.123456789+03:00",
        "retry_count": 0,
        "priority": 1,
    } | changes
    return {key: value for key, value in job.items() if value is not None}


def element(**changes: Any) -> bytes:
    return json.dumps(body(**changes), separators=(",", ":")).replace("&", "\\u0026").encode()


def job_id(raw: bytes) -> str:
    return str(json.loads(raw)["job_id"])
