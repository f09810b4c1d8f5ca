"""A queue, a database, a folder of objects and the workers of one checkout, all of them real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from benchmarks.worker import processes
from lomi_ops.db.bootstrap import prepare
from lomi_ops.queue.keys import Keys
from tests.services import PostgresServer, RedisServer, open_folder, postgres_server, running_redis

HERE = Path(__file__).parents[2]
BUCKET = "lomi-photos"
KEYS = Keys()
START_S = 120.0
_NOT_OURS = ("LOMI_", "REDIS_", "DB_", "S3_", "COMPREFACE_", "PG", "OBJECTS_")


@dataclass
class Stack:
    """What is measured. Servers live as long as it does; workers are started and stopped."""

    redis_server: RedisServer
    postgres: PostgresServer
    folder: Path
    tree: Path
    """The checkout whose program its workers run."""
    settings: dict[str, str]
    redis: redis.Redis
    pg: psycopg.Connection[Any]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    program: tuple[str, ...] = ("lomi_ops", "worker")
    """The module that is a worker, and its arguments."""

    @property
    def objects(self) -> Path:
        return self.folder / "objects" / BUCKET

    def cpu_s(self) -> dict[str, float]:
        """Seconds on a core so far, by what took them: the judging processes, the workers around them, the servers."""
        workers = [each.pid for each in self.workers]
        children = [pid for pid in processes.tree(workers) if pid not in workers]
        judging, all_of_them = processes.cpu_s(children), processes.cpu_s(workers)
        servers = [process.pid for process in (self.redis_server.process, self.postgres.process) if process]
        redis_s, postgres_s = (processes.cpu_s([pid]) for pid in servers)
        return {"judging": judging, "worker": all_of_them - judging, "redis": redis_s, "postgres": postgres_s}

    def store(self, name: str, files: Sequence[bytes]) -> list[str]:
        """Puts files where workers find them; their keys."""
        (self.objects / name).mkdir(parents=True, exist_ok=True)
        for place, data in enumerate(files):
            (self.objects / name / f"{place}.bin").write_bytes(data)
        return [f"{name}/{place}.bin" for place in range(len(files))]

    def start(self, count: int) -> None:
        """More workers, ready to judge when this returns."""
        wanted = len(self.workers) + count
        for _ in range(count):
            place = len(self.workers)
            environment = self.settings | {"LOMI_WORKER__HEALTH_FILE": str(self.folder / f"{place}.health")}
            command, nothing = [sys.executable, "-m", *self.program], subprocess.DEVNULL
            with (self.folder / f"{place}.log").open("wb") as log:
                process = subprocess.Popen(
                    command, env=environment, cwd=self.tree, stdin=nothing, stdout=log, stderr=log
                )
            self.workers.append(process)
        deadline = time.monotonic() + START_S
        while self.redis.zcard(KEYS.workers) < wanted:
            if time.monotonic() > deadline or any(each.poll() is not None for each in self.workers):
                raise SystemExit(f"a worker did not start: {(self.folder / f'{wanted - 1}.log').read_text()[-800:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """All workers, in good order; whoever does not end is killed."""
        for process in self.workers:
            process.send_signal(signal.SIGTERM)
        for process in self.workers:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.workers.clear()

    def quiet(self, limit_s: float = 60.0) -> None:
        """Drops what waits, and returns once nothing is in hand."""
        deadline = time.monotonic() + limit_s
        while self.redis.delete(KEYS.ready) or self.redis.zcard(KEYS.lease):
            if time.monotonic() > deadline:
                raise SystemExit("jobs do not end")
            time.sleep(0.02)


@contextmanager
def running_stack(tree: Path = HERE, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Servers for one checkout, without workers."""
    with ExitStack() as opened:
        opened_folder = opened.enter_context(open_folder("lomi-bench-"))
        redis_server = opened.enter_context(running_redis())
        postgres = opened.enter_context(postgres_server("max_connections=200"))
        prepare(postgres.url)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        environment = kept | {
            "PYTHONPATH": str(tree),
            "LOMI_REDIS_URL": redis_server.url,
            "LOMI_DATABASE_URL": postgres.url,
            "LOMI_OBJECTS": str(opened_folder / "objects"),
            "LOMI_LOG__FORMAT": "json",
            "LOMI_POLICY": "local",
        }
        client = opened.enter_context(redis.Redis.from_url(redis_server.url))
        pg = opened.enter_context(psycopg.connect(postgres.url, autocommit=True))
        stack = Stack(redis_server, postgres, opened_folder, tree, environment | dict(settings or {}), client, pg)
        stack.objects.mkdir(parents=True)
        opened.callback(stack.stop)
        yield stack
