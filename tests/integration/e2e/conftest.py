"""A cluster with real services, workers as real processes whose eyes alone are a stub, and `lomi e2e` on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import redis
from psycopg.rows import dict_row

from lomi_ops.cli import e2e
from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.queue.keys import Keys
from tests.chaos.stub_worker import photo
from tests.commands import FOREIGN, Lomi, Said, lomi, quiet_machine
from tests.doubles.backend import BackendDouble
from tests.doubles.backend.app import BUCKET
from tests.patience import Patience

__all__ = ["Lomi", "Said", "lomi", "quiet_machine"]

ROOT = Path(__file__).parents[3]
MARK = "6c6f6d69-2d65-3265-"
QUICK = {"LOMI_WORKER__LEASE_S": "5", "LOMI_WORKER__BEAT_S": "1"}
"""Of the workers, so that nobody waits long for what a dead one held."""
STREAMS = frozenset(f"{{photo_moderation_queue}}:{name}".encode() for name in ("events", "results", "samples", "ended"))
"""These stay, bounded, whoever writes into them."""


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass
class Cluster:
    redis_url: str
    database_url: str
    folder: Path
    redis: redis.Redis = field(init=False)
    pg: psycopg.Connection[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.redis = redis.Redis.from_url(self.redis_url)
        self.pg = psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row)
        self.store = DirectoryStore(self.objects, Buckets(frozenset({BUCKET})))
        self.store.ensure_bucket(BUCKET)

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LOMI_REDIS_URL": self.redis_url, "LOMI_DATABASE_URL": self.database_url, "LOMI_OBJECTS": str(self.objects),
        }  # fmt: skip

    def photo(self, name: str, sight: str = "good", ms: int = 1) -> Path:
        """A file that shows the stub what it is."""
        path = self.folder / f"{name}.jpg"
        path.write_bytes(photo(sight, ms))
        return path

    def remains(self) -> dict[str, object]:
        """Everything that a run could leave: rows, objects, jobs and their keys."""
        names = ("users", "media", "lomi.jobs", "lomi.checkpoints", "lomi.job_ends", "lomi.outbox")
        rows: dict[str, object] = {name: self._count(name) for name in names if self._exists(name)}
        # What registers, claims and reaps is the worker's.
        theirs = (b":workers", b":tick", b":server", b":stats", b":limits", b":measured")
        keys = [
            key for key in self.every_key() if b":seq:" not in key and b":worker:" not in key and key not in STREAMS
        ]
        ours = [key for key in keys if not key.endswith(theirs)]
        results: Any = self.redis.xrange(Keys().results)
        return {
            **rows, "objects": [item.key for item in self.store.list(BUCKET)], "keys": ours, "results": results,
        }  # fmt: skip

    def every_key(self) -> list[bytes]:
        return sorted(cast("list[bytes]", self.redis.keys()))

    def _exists(self, table: str) -> bool:
        row = self.pg.execute("SELECT to_regclass(%s) IS NOT NULL AS there", (table,)).fetchone()
        return bool(row and row["there"])

    def _count(self, table: str) -> int:
        row = self.pg.execute(f"SELECT count(*) AS n FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row["n"])

    @contextmanager
    def process(self, *words: object, **extra: str) -> Iterator[subprocess.Popen[str]]:
        """A `lomi` of its own, for signals."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        running = subprocess.Popen(
            [sys.executable, "-m", "lomi_ops", *map(str, words)],
            env=kept | self.environment | extra, cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()
            running.communicate()


@dataclass
class Worker:
    process: subprocess.Popen[bytes]
    log: Path

    def said(self, action: str) -> bool:
        return any(f'"action": "{action}"' in line or f'"action":"{action}"' in line for line in self._lines())

    def _lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(30)


Start = Callable[[], AbstractContextManager[Worker]]


@pytest.fixture
def cluster(redis_url: str, prepared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """With the schema of ours, and no worker."""
    found = Cluster(redis_url, prepared_url, tmp_path)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    yield found
    found.redis.close()
    found.pg.close()


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Start:
    """Starts a worker, ready to judge; killed at the end."""

    @contextmanager
    def started() -> Iterator[Worker]:
        log = tmp_path / f"worker-{time.monotonic_ns()}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.stub_worker", "worker"],
                env=kept | cluster.environment | QUICK, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT,
            )  # fmt: skip
        worker = Worker(process, log)
        try:
            until(lambda: worker.said("worker_ready") or process.poll() is not None, "the worker is ready")
            assert process.poll() is None, log.read_text()
            yield worker
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    return started


@pytest.fixture
def worker(start: Start) -> Iterator[Worker]:
    with start() as found:
        yield found


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    found, real = Patience(time.monotonic), e2e.handles
    monkeypatch.setattr(e2e, "handles", lambda *given, **more: replace(real(*given, **more), clock=found.clock))
    return found


@pytest.fixture
def double(cluster: Cluster) -> Iterator[BackendDouble]:
    """The real backend's place, with its ear on the channel."""
    with BackendDouble(
        database_url=cluster.database_url, redis_url=cluster.redis_url, store=cluster.store
    ) as found:  # fmt: skip
        yield found


def document(text: str) -> dict[str, Any]:
    """Exactly one."""
    body: dict[str, Any] = json.loads(text)
    assert body["schema"] == "lomi.e2e/v1"
    return body
