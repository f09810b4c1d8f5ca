"""The rights that docs/backup.md gives to Redis users, beside the commands that were really sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue.backup import export, pages, write
from lomi_ops.queue.backup.pages import Page
from lomi_ops.queue.client import inspect, queue_client
from lomi_ops.queue.keys import Keys
from tests.integration.backup.conftest import Busy
from tests.integration.servers import rights
from tests.services import RedisServer

KEYS = Keys()
USER = "lomi-backup"
PAGE = (Path(__file__).parents[3] / "docs" / "backup.md").read_text()


def documented() -> list[str]:
    return next(line.split() for line in PAGE.splitlines() if line.strip().startswith(f"ACL SETUSER {USER} "))


def documented_for_a_restore() -> frozenset[str]:
    """What is named beside the rights of a worker."""
    match = re.search(r"the rights of a worker, and `([^`]+)` more", " ".join(PAGE.split()))
    assert match
    return rights.commands_of(match[1].split())


@pytest.fixture
def sent(busy: Busy) -> Callable[[], frozenset[str]]:
    """The commands that the server has seen since the last time."""
    busy.bench.client.config_resetstat()

    def look() -> frozenset[str]:
        found = busy.bench.client.info("commandstats")
        busy.bench.client.config_resetstat()
        names = {name.removeprefix("cmdstat_").partition("|")[0] for name in found}
        return frozenset(names - {"config", "auth", "client", "hello"})

    return look


def save(client: Any, folder: Path) -> Callable[[], Iterator[Page]]:
    path = folder / "queue.jsonl.gz"
    inspect(client)
    path.write_bytes(b"".join(pages.written(KEYS.ready, export.pages(client, KEYS))))
    return lambda: pages.read(path)


def test_a_backup_needs_exactly_the_documented_rights(
    busy: Busy, sent: Callable[[], frozenset[str]], redis_server: RedisServer, tmp_path: Path
) -> None:
    save(busy.bench.client, tmp_path)
    assert sent() | rights.ALWAYS == rights.commands_of(documented())

    busy.bench.client.execute_command(*documented())
    try:
        section = RedisSection.model_validate(
            {"host": "127.0.0.1", "port": redis_server.port, "username": USER, "password": rights.PASSWORD}
        )
        with queue_client(section) as client:
            save(client, tmp_path)
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.delete(KEYS.ready)
    finally:
        busy.bench.client.acl_deluser(USER)


def test_a_restore_needs_what_is_documented_beside_the_rights_of_a_worker(
    busy: Busy, sent: Callable[[], frozenset[str]], tmp_path: Path
) -> None:
    client = busy.bench.client
    whole = save(client, tmp_path)
    client.flushall()
    busy.bench.queue.pause("ada", "restore")
    sent()

    write.put_back(client, KEYS, whole)
    write.put_back(client, KEYS, whole)

    assert sent() - rights.commands_of(rights.documented(rights.WORKER)) == documented_for_a_restore()
