"""The operator's commands in this process, on real services that the environment names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from lomi_ops.db.bootstrap import prepare
from tests.commands import Lomi, Said, lomi, quiet_machine
from tests.integration.ops.old_cluster import BUCKET, OldCluster

__all__ = ["Lomi", "Said", "lomi", "quiet_machine"]


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch) -> Callable[[OldCluster], None]:
    """Makes the commands see a cluster."""

    def at(cluster: OldCluster) -> None:
        monkeypatch.setenv("LOMI_REDIS_URL", cluster.redis_url)
        monkeypatch.setenv("LOMI_DATABASE_URL", cluster.database_url)
        monkeypatch.setenv("LOMI_OBJECTS", str(cluster.objects))

    return at


@pytest.fixture
def cluster(redis_url: str, database_url: str, tmp_path: Path, point: Callable[[OldCluster], None]) -> OldCluster:
    """Real services with the schema of ours, as `lomi up` or `lomi migrate apply` leaves them."""
    found = OldCluster(redis_url, database_url, tmp_path / "objects")
    prepare(database_url)
    (found.objects / BUCKET).mkdir(parents=True)
    with found.sql() as pg:
        pg.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'Hana')", (found.user, found.telegram))
    point(found)
    return found


@pytest.fixture
def old(redis_url: str, database_url: str, tmp_path: Path, point: Callable[[OldCluster], None]) -> OldCluster:
    """The same before the swap."""
    found = OldCluster(redis_url, database_url, tmp_path / "objects")
    found.build()
    point(found)
    return found


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as found:
        yield found


def one_row(cluster: OldCluster, query: str, *values: object) -> dict[str, Any]:
    with cluster.sql() as pg:
        found = pg.execute(query.encode(), values).fetchone()
    assert found is not None
    return found


def another_database(url: str) -> str:
    """A database on the same server that nobody has prepared."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as pg:
        pg.execute(f'CREATE DATABASE "{name}"'.encode())
    return url.rsplit("/", 1)[0] + f"/{name}"
