"""A cluster of the least parts: a Redis and a database of its own, and a folder of objects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lomi_ops.ops.live.recording import Recording
from tests.review_room import BUCKET
from tests.services import RedisServer, running_redis

Environ = dict[str, str]


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that a test may stop."""
    with running_redis() as server:
        yield server


@pytest.fixture
def environ(prepared_url: str, redis_url: str, tmp_path: Path) -> Environ:
    (tmp_path / "objects" / BUCKET).mkdir(parents=True)
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    return kept | {
        "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor",
        "LOMI_DATABASE_URL": prepared_url, "LOMI_REDIS_URL": redis_url, "LOMI_OBJECTS": str(tmp_path / "objects"),
        "LOMI_ACTOR": "hana",
    }  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Where a session of `environ` is recorded."""
    return tmp_path / ".local" / "state" / "lomi" / "top" / "default.db"


def opened(path: Path) -> Recording:
    return Recording(path, create=False)
