"""The scene of a crash: servers that die and come back, taps before them, a worker, and the count afterwards."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg

from lomi_ops.db.bootstrap import prepare
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL, Keys
from lomi_ops.queue.replies import JobState
from lomi_ops.queue.scripts import digest, source
from tests.chaos.audit import work_left
from tests.chaos.ends import Subscriber, direct
from tests.chaos.servers import PostgresServer, restartable_postgres
from tests.chaos.stub_worker import photo
from tests.integration.queue.conftest import SCRIPTS
from tests.integration.queue.tap import Moment, Tap, Trap
from tests.integration.queue.victim import start_worker
from tests.services import RedisServer, open_folder, running_redis

KEYS = Keys()
BUCKET = "lomi-photos"
PATIENCE_S = 40.0
HELD_MS, SLOW_MS, QUICK_MS = 3000, 400, 1
SHORT_S = 0.05
OVER = (JobState.DONE, JobState.DEAD, JobState.CANCELLED)


class Crash(StrEnum):
    KILL = "the process is killed"
    LOST_REQUEST = "the request is lost"
    LOST_REPLY = "the reply is lost"
    REDIS = "Redis is killed"
    POSTGRES = "Postgres is killed"


@dataclass
class Job:
    """One element with one photo, and what must become of it."""

    look_ms: int = QUICK_MS
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    media: uuid.UUID = field(default_factory=uuid.uuid4)
    user: uuid.UUID = field(default_factory=uuid.uuid4)
    batch: uuid.UUID = field(default_factory=uuid.uuid4)
    poison: bool = False
    attempts: int = 1
    """That it may need, were it not for the crash."""

    @property
    def raw(self) -> bytes:
        ref = {"media_id": str(self.media), "r2_url": "", "r2_key": f"{self.look_ms}.jpg", "bucket": BUCKET}
        body = {
            "job_id": self.id, "batch_id": str(self.batch), "user_id": str(self.user), "telegram_id": 7,
            "photos": [ref], "created_at": "2026-11-20T10:00:00Z", "priority": 1,
        }  # fmt: skip
        return json.dumps({"job_id": self.id} if self.poison else body).encode()


class Site:
    """Servers that die and come back, the taps before them, and everybody who outlives a case."""

    def __init__(self, redis: RedisServer, postgres: PostgresServer, folder: Path, redis_tap: Tap, postgres_tap: Tap):
        self.redis, self.postgres, self.folder = redis, postgres, folder
        self.redis_tap, self.postgres_tap = redis_tap, postgres_tap
        self.slots, self.attempts = 1, 3
        self.client: Any = direct(redis.url)
        self.queue = JobQueue(self.client)
        self.subscriber = Subscriber(redis.url)
        self.subscriber.start()

    def store(self) -> None:
        """A photo that is looked at quickly, and one that takes its time."""
        bucket = self.folder / "objects" / BUCKET
        bucket.mkdir(parents=True)
        for ms in (QUICK_MS, SLOW_MS, HELD_MS):
            (bucket / f"{ms}.jpg").write_bytes(photo("good", ms))

    def clear(self) -> None:
        self.redis_tap.unset()
        self.postgres_tap.unset()
        self.postgres_tap.refusing = False
        self.subscriber.leave(0)
        self.client.flushall()
        for name in SCRIPTS:
            self.client.script_load(source(name))
        until(self.somebody_listens)

    def somebody_listens(self) -> bool:
        return bool(self.client.pubsub_numsub(RESULTS_CHANNEL)[0][1])

    def insert(self, job: Job) -> None:
        """As the backend does before it pushes."""
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute(
                "INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", (job.user, job.user.int >> 66)
            )
            connection.execute(
                "INSERT INTO media (id, user_id, media_type, url, batch_id) VALUES (%s, %s, 'photo', 'x', %s)",
                (job.media, job.user, job.batch),
            )

    def push(self, job: Job) -> None:
        self.client.lpush(KEYS.ready, job.raw)

    def settings(self) -> dict[str, Any]:
        at = f"redis://:{self.redis.password}@127.0.0.1:{self.redis_tap.port}/0"
        return {
            "policy": {"active": "local"},
            "redis": {"url": at, "doorbell_s": 1, "timeout_s": 5},
            "database": {"url": self.postgres.url.replace(f":{self.postgres.port}/", f":{self.postgres_tap.port}/")},
            "objects": {"directory": str(self.folder / "objects")},
            "worker": {
                "slots": self.slots, "attempts": self.attempts, "lease_s": 60, "beat_s": SHORT_S, "reap_s": SHORT_S,
                "health_file": str(self.folder / uuid.uuid4().hex),
            },
            "log": {"format": "json"},
        }  # fmt: skip


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"still waiting for {condition}"
        time.sleep(0.01)


@contextmanager
def open_site(appendfsync: str = "always") -> Iterator[Site]:
    """With `always` an answer means that it is written: what a killed server may forget is another test's subject
    (docs/chaos.md)."""
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis("--appendfsync", appendfsync))
        postgres = stack.enter_context(restartable_postgres())
        folder = stack.enter_context(open_folder("lomi-site-"))
        prepare(postgres.url)
        taps = Tap(redis.port), Tap(postgres.port)
        for tap in taps:
            stack.callback(tap.close)
        site = Site(redis, postgres, folder, *taps)
        site.store()
        stack.callback(site.subscriber.stop)
        yield site


class Case:
    """One crash at one point."""

    def __init__(self, site: Site, crash: Crash, moment: Moment) -> None:
        self.site, self.crash, self.moment = site, crash, moment
        self.jobs: list[Job] = []
        self.messages: list[str] = []
        """Ids of messages that come from no job."""
        self.later: list[Callable[[], object]] = []
        """What makes the scene whole again once the crash has happened."""
        self.log = site.folder / "none.log"
        self.victim: BaseProcess | None = None
        self.killed: BaseProcess | None = None

    def job(self, *, look_ms: int = QUICK_MS, rows: bool = True, push: bool = True, **expected: Any) -> Job:
        made = Job(look_ms, **expected)
        self.jobs.append(made)
        if rows:
            self.site.insert(made)
        if push:
            self.site.push(made)
        return made

    def work(self) -> None:
        self.log = self.site.folder / f"{uuid.uuid4().hex}.log"
        self.victim = start_worker(self.site.settings(), self.log)

    def signal(self, number: signal.Signals) -> None:
        assert self.victim is not None
        assert self.victim.pid is not None
        os.kill(self.victim.pid, number)

    def said(self, action: str) -> bool:
        return f'"{action}"' in self.log.read_text() if self.log.exists() else False

    def at_script(self, name: str, *needles: bytes, prepare: Callable[[], object] = lambda: None) -> Trap:
        """The next call of this script that mentions all of that."""
        sha = digest(name).encode()
        return self.site.redis_tap.set(
            Trap(lambda data: all(part in data for part in (sha, *needles)), self.moment, self._act, prepare)
        )

    def at_commit(self) -> Trap:
        """The settlement is one statement, which commits by itself; a worker's first ones name what they write."""
        return self.site.postgres_tap.set(Trap(lambda data: b"INSERT INTO lomi.jobs" in data, self.moment, self._act))

    def _act(self) -> bool:
        match self.crash:
            case Crash.KILL:
                assert self.victim is not None
                self.victim.kill()
                self.killed = self.victim
            case Crash.REDIS:
                self.site.redis.stop(signal.SIGKILL)
            case Crash.POSTGRES:
                self.site.postgres.stop(signal.SIGKILL)
                return True
        return False

    def recover(self, trap: Trap) -> None:
        """Wait for the crash; bring back what died; let the rest go on until nothing is left to do."""
        until(trap.sprung.is_set)
        if self.killed is not None:
            self.killed.join()
        if self.crash is Crash.REDIS:
            self.site.redis.start()
            until(lambda: self.site.client.ping())
        elif self.crash is Crash.POSTGRES:
            self.site.postgres.start()
        for step in self.later:
            step()
        until(self.quiet)
        self.leave()

    def leave(self) -> None:
        """Whoever works now goes in order."""
        assert self.victim is not None
        if self.victim.is_alive() and not self.said("drain"):
            until(lambda: self.said("worker_ready"))
            self.signal(signal.SIGTERM)
            until(lambda: self.said("drain"))
            self._ring()
        self.victim.join(PATIENCE_S)
        assert self.victim.exitcode == 0 or self.victim is self.killed, self.log.read_text()

    def _ring(self) -> None:
        """Ends the wait of an idle worker, a second at most, with a copy that it leaves to the next claim."""
        self.site.client.lpush(KEYS.ready, b"")
        self.site.client.delete(KEYS.ready)

    def quiet(self) -> bool:
        self._replace()
        client = self.site.client
        run = client.info("server")["run_id"]
        client.set(KEYS.server, f"{run}|1")  # live workers have had the time to beat
        client.delete(KEYS.holds)
        for name in client.zrange(KEYS.delayed, 0, -1):
            client.zadd(KEYS.delayed, {name: 1}, xx=True)
        if work_left(client) or self._unmarked():
            return False
        return all(record is not None and record.state in OVER for record in map(self.site.queue.job, self._names()))

    def _names(self) -> list[str]:
        return [*(job.id for job in self.jobs), *self.messages]

    def _unmarked(self) -> int:
        """Messages that went out and are not known to: whoever works after the next `clear` would send them again."""
        with psycopg.connect(self.site.postgres.url) as connection:
            row = connection.execute("SELECT count(*) FROM lomi.outbox WHERE published_at IS NULL").fetchone()
        assert row is not None
        return int(row[0])

    def _replace(self) -> None:
        """Somebody else takes over, and finds the leases of the dead run out."""
        assert self.victim is not None
        if not self.victim.is_alive():
            self.victim.join()
            self.expire()
            self.work()

    def expire(self) -> None:
        for name in self.site.client.zrange(KEYS.lease, 0, -1):
            self.site.client.zadd(KEYS.lease, {name: 1}, xx=True)
        self.site.client.delete(KEYS.tick)

    def check(self) -> None:
        """Each job has ended once, where it should; its photo is decided once; its message went out once at most."""
        entries: list[Any] = self.site.client.xrange(KEYS.results)
        stream = [fields[b"job_id"].decode() for _, fields in entries]
        heard = [message.job_id for message in self.site.subscriber.heard]
        for job in self.jobs:
            record = self.site.queue.job(job.id)
            assert record is not None
            assert record.state is (JobState.DEAD if job.poison else JobState.DONE)
            assert record.attempt <= min(3, job.attempts + bool(self.killed)), f"{record.attempt} attempts"
            assert stream.count(job.id) == (0 if job.poison else 1)
            if not job.poison:
                assert self._effects(job) == ("approved", 1, 1)
        for name in self._names():
            published = stream.count(name)
            assert heard.count(name) <= published
            # What a dying Redis had in its buffers is lost to a subscriber, and to nobody else.
            assert heard.count(name) == published or self.crash is Crash.REDIS
        assert stream.count("") == 0
        assert len(stream) == len(set(stream))
        assert self.site.queue.stats().counters.get("lost", 0) == 0

    def check_undone(self, job: Job) -> None:
        """Nothing has happened to its photo, and nobody heard of it."""
        assert self._effects(job) == ("pending", 0, 0)
        assert self.site.client.xlen(KEYS.results) == 0

    def _effects(self, job: Job) -> tuple[Any, ...]:
        with psycopg.connect(self.site.postgres.url) as connection:
            row = connection.execute(
                "SELECT (SELECT moderation_status FROM media WHERE id = %(media)s),"
                " (SELECT count(*) FROM lomi.decisions WHERE media_id = %(media)s),"
                " (SELECT count(*) FROM lomi.jobs WHERE job_id = %(job)s AND settled_at IS NOT NULL)",
                {"media": job.media, "job": job.id},
            ).fetchone()
        assert row is not None
        return row
