"""The operator's commands in this process, on real services that the environment names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from lomi_ops.config import model_files
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.check import Cost
from lomi_ops.ops.checks.catalogue import SPECS
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from lomi_ops.version import __version__
from tests.commands import Lomi, Said, lomi, quiet_machine
from tests.doubles.compreface import CompreFaceDouble
from tests.doubles.telegram import TelegramDouble, running_telegram
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
def cluster(redis_url: str, prepared_url: str, tmp_path: Path, point: Callable[[OldCluster], None]) -> OldCluster:
    """Real services with the schema of ours, as `lomi up` or `lomi migrate apply` leaves them."""
    found = OldCluster(redis_url, prepared_url, tmp_path / "objects")
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


@pytest.fixture
def listener(redis_url: str) -> Iterator[redis.client.PubSub]:
    """Somebody who hears results, as the backend does."""
    with redis.Redis.from_url(redis_url) as found, found.pubsub() as ear:
        ear.subscribe(RESULTS_CHANNEL)
        assert ear.get_message(timeout=10)
        yield ear


@pytest.fixture
def registry(redis_url: str) -> Iterator[WorkerRegistry]:
    found = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield WorkerRegistry(found)
    found.close()


def worker(boot: str, **changes: Any) -> WorkerInfo:
    """A worker that has what the settings ask for, unless told otherwise."""
    file = model_files.locate("nudenet-320n", None)
    engine = EngineInfo(
        "nsfw", changes.pop("model", "nudenet-320n@3.4.2/rgb"), changes.pop("sha256", file.sha256 or "")
    )
    found = WorkerInfo(boot, "host-1", 77, __version__, 1, (engine,), "default@1")
    return replace(found, **changes)


@dataclass
class Sound:
    """A cluster about which there is nothing to say, and what a test may break of it."""

    cluster: OldCluster
    registry: WorkerRegistry
    faces: CompreFaceDouble
    telegram: TelegramDouble
    ear: redis.client.PubSub


@pytest.fixture
def sound(
    cluster: OldCluster, registry: WorkerRegistry, listener: redis.client.PubSub, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sound]:
    registry.register(worker("b1"))
    with CompreFaceDouble() as faces, running_telegram() as telegram:
        for name, value in {
            "LOMI_COMPREFACE_URL": faces.url, "LOMI_BACKEND__URL": "http://127.0.0.1:9", "LOMI_CHECKS__WORKERS": "1",
            "TELEGRAM_BOT_TOKEN": telegram.token, "LOMI_TELEGRAM__API_URL": telegram.url,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield Sound(cluster, registry, faces, telegram, listener)


def checks(said: Said) -> dict[str, dict[str, Any]]:
    return {check["slug"]: check for check in said.document["checks"]}


def statuses(said: Said) -> dict[str, str]:
    return {slug: check["status"] for slug, check in checks(said).items()}


WELL = frozenset({"pass", "skip"})
SERVED = frozenset({"config", "redis", "postgres", "objects", "faces", "queue", "workers", "rates", "telegram", "host"})
"""Categories that the sound cluster has everything for."""
ONLY_SERVED = tuple(word for category in sorted(SERVED) for word in ("--only", category))


def troubled(said: Said) -> dict[str, str]:
    """What is not well, by slug."""
    return {
        slug: check["status"] for slug, check in checks(said).items()
        if check["status"] not in WELL and check["category"] in SERVED
    }  # fmt: skip


def on(root: str) -> set[str]:
    """What rests on a check, through and through, in a run without --deep."""
    found = {root}
    for spec in SPECS:
        if found & set(spec.needs) and spec.cost is Cost.CHEAP and spec.category in SERVED:
            found.add(spec.slug)
    return found - {root}


def tasks(said: Said) -> list[str]:
    """What a text run says is to be done: the slugs, in its order."""
    *_, listed, _ = said.out.rstrip().split("\n\n")
    return [line.split()[1].rstrip(":") for line in listed.splitlines() if not line.startswith("  ")]


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
