"""A cluster with something in it: photos in Postgres, and a queue with jobs in every state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from lomi_ops.domain.job import Priority
from lomi_ops.queue.keys import Keys
from tests.commands import Lomi, Said, lomi, quiet_machine
from tests.integration.objects.conftest import S3Server, s3, s3_server
from tests.integration.ops.conftest import client, cluster, old, point
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.queue.conftest import LOST_CONNECTION, POISON, Bench
from tests.integration.queue.producer import element
from tests.operating import delete
from tests.services import open_folder

__all__ = [
    "Bench",
    "Busy",
    "Lomi",
    "OldCluster",
    "S3Server",
    "Said",
    "bench",
    "busy",
    "client",
    "cluster",
    "contents",
    "fill",
    "lomi",
    "old",
    "photos",
    "point",
    "quiet_machine",
    "rows",
    "s3",
    "s3_server",
]  # fmt: skip

ODD = b'\xff\xfe not JSON, "quoted"\\ \xe1\x8c\xb0\x00\n'
"""What a list may hold as well: bytes that are no text at all."""


@dataclass
class Busy:
    """A queue with jobs in every state, and their names."""

    bench: Bench
    ready: list[bytes] = field(default_factory=list)
    high: bytes = b""
    running: list[str] = field(default_factory=list)
    leaving: str = ""
    """Runs, and somebody has cancelled it."""
    delayed: str = ""
    dead: str = ""
    done: str = ""
    deleted: str = ""

    @property
    def keys(self) -> Keys:
        return self.bench.keys


@pytest.fixture
def bench(redis_url: str) -> Iterator[Bench]:
    made = Bench(redis_url)
    yield made
    made.close()


@pytest.fixture
def busy(bench: Bench) -> Busy:
    """Everything that the queue's own scripts can leave behind."""
    return fill(bench)


def fill(bench: Bench) -> Busy:
    made = Busy(bench)
    jobs = [element(created_at="2025-11-24T10:00:00Z", user="ሃና") for _ in range(8)]
    for raw in jobs:
        bench.push(raw)
    taken = [bench.take(f"boot/{number}") for number in range(7)]
    bench.queue.finish(taken[0].job_id, taken[0].token, b'{"job_id":"unheard"}')
    bench.queue.fail(taken[1], LOST_CONNECTION)
    for each in taken[2:4]:
        bench.queue.fail(each, POISON)
    delete(bench.queue, taken[3].job_id)
    bench.queue.cancel(taken[4].job_id)
    bench.queue.release(taken[6].job_id, taken[6].token)
    again = bench.take("boot/6")
    made.running = [taken[5].job_id, again.job_id]
    made.done, made.delayed, made.dead, made.deleted = (taken[number].job_id for number in (0, 1, 2, 3))
    made.leaving = taken[4].job_id
    for raw in (ODD, element(), jobs[7]):
        bench.push(raw)
    made.high = element(priority=2)
    bench.queue.submit(made.high, Priority.HIGH)
    bench.queue.submit(element(), Priority.BULK)
    bench.client.set(bench.keys.op("of a later version"), "some text")
    bench.client.sadd(bench.keys.op("another of it"), "a", "b")
    made.ready = bench.client.lrange(bench.keys.ready, 0, -1)
    return made


def contents(client: Any, keys: Keys) -> dict[str, Any]:
    """What the keys of a queue hold, read without any code of ours."""
    names = sorted(name.decode() for name in client.scan_iter() if keys.ready.encode() in name)
    return {name: _value(client, name) for name in names}


def _value(client: Any, name: str) -> Any:
    match client.type(name):
        case b"list":
            return client.lrange(name, 0, -1)
        case b"hash":
            return client.hgetall(name)
        case b"zset":
            return dict(client.zrange(name, 0, -1, withscores=True))
        case b"stream":
            return client.xrange(name)
        case b"set":
            return client.smembers(name)
        case _:
            return client.get(name)


@pytest.fixture
def photos(cluster: OldCluster) -> OldCluster:
    """The cluster with some photos, some of them decided, and an odd text."""
    batch = uuid4()
    for status, reason in (("pending", None), ("approved", None), ("rejected", "blurry"), ("failed", "truncated")):
        cluster.photo(status, reason, {"blur_variance": 1.5} if reason else None, batch=batch)
    with cluster.sql() as pg:
        pg.execute("UPDATE users SET name = 'ሃና \"quoted\" \\ and a tab\t'")
    return cluster


def unaudited(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Without the audit and its chain, to which a restore adds."""
    return {table: each for table, each in found.items() if not table.startswith("lomi.audit")}


def rows(cluster: OldCluster) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    with cluster.sql() as pg:
        names = pg.execute(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('public', 'lomi')"
            " ORDER BY 1"
        ).fetchall()
        return {
            found["name"]: pg.execute(f"SELECT * FROM {found['name']} AS t ORDER BY t::text".encode()).fetchall()
            for found in names
        }


@pytest.fixture
def scratch() -> Iterator[str]:
    """pytest's own folders are closed to the user that the trial's servers run as."""
    with open_folder("lomi-trial-") as folder:
        yield str(folder)
