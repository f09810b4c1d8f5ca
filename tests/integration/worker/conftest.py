"""A slot on real servers with a real judging process; the test is the main thread, the clock and the weather."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from psycopg.rows import dict_row

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.config import model_files
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db.pool import Database
from lomi_ops.domain.regime import Rule
from lomi_ops.ops.demo import sources
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL
from tests.conftest import need
from tests.ears import told
from tests.operating import dead_letters
from worker.batch import BatchJudge
from worker.doorbell import Bell
from worker.judging.host import JudgingProcess
from worker.judging.wire import Begin
from worker.leases import Leases
from worker.reuse import Recall
from worker.signals import Signals
from worker.slot import Slot

BUCKET = "lomi-photos"


def settings_of(policy: str = "local", **sections: dict[str, Any]) -> Settings:
    return Settings.model_validate({"policy": {"active": policy}} | sections)


def judging_process(settings: Settings, kind: type[JudgingProcess] = JudgingProcess) -> JudgingProcess:
    begin = Begin(settings.images, settings.models, settings.active_policy(), bool(settings.compreface.urls))
    return kind(begin, timeout_s=settings.images.decode_timeout_s)


@pytest.fixture(scope="session")
def weights() -> None:
    """The detector that the local policy stands on."""
    need(model_files.locate("nudenet-320n").path, "the model nudenet-320n (lomi models add nudenet-320n)")


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """One face, sharp: approved by the local policy."""
    return sources.read("astronaut")


@pytest.fixture(scope="session")
def shared_process(weights: None) -> Iterator[JudgingProcess]:
    """Loaded once; for tests that do it no harm."""
    process = judging_process(settings_of())
    process.start()
    yield process
    process.close()


class Store(DirectoryStore):
    """A real one that breaks as told, and lets a test act in the middle of a job."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Buckets(frozenset({BUCKET})))
        self.faults: dict[str, Exception] = {}
        """By key."""
        self.silent: Exception | None = None
        """What every other question is answered with."""
        self.reads: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        """Runs while a photo is fetched."""

    def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self.reads.append(key)
        self.meanwhile()
        if key in self.faults:
            raise self.faults[key]
        return super().get(bucket, key, max_bytes)

    def size(self, bucket: str, key: str) -> int | None:
        if self.silent is not None:
            raise self.silent
        return super().size(bucket, key)


@dataclass
class Upload:
    """One batch as the backend leaves it behind."""

    job: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.job["job_id"])

    @property
    def keys(self) -> list[str]:
        return [photo["r2_key"] for photo in self.job["photos"]]

    @property
    def media(self) -> list[UUID]:
        return [UUID(photo["media_id"]) for photo in self.job["photos"]]

    @property
    def raw(self) -> bytes:
        return json.dumps(self.job, separators=(",", ":")).encode()

    def again(self) -> Upload:
        """The same batch under a new id, as a second push by hand makes it."""
        return Upload(self.job | {"job_id": str(uuid.uuid4())})


@dataclass
class Cluster:
    """Redis, Postgres and a store, and what the rest of the system does to them."""

    redis_url: str
    database_url: str
    store: Store
    redis: redis.Redis
    pg: psycopg.Connection[dict[str, Any]]
    ear: Any
    heard: list[dict[str, Any]] = field(default_factory=list)

    def upload(self, photos: Sequence[bytes | None], *, rows: str = "pending", **changes: Any) -> Upload:
        """None: a photo without an object. `rows`: pending, none."""
        user, batch = uuid.uuid4(), uuid.uuid4()
        self.pg.execute(
            "INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", (user, uuid.uuid4().int >> 66)
        )
        refs = []
        for data in photos:
            media = uuid.uuid4()
            key = f"users/{user}/photo/{media}.jpg"
            if data is not None:
                self.store.put(BUCKET, key, data)
            if rows != "none":
                self.pg.execute(
                    "INSERT INTO media (id, user_id, media_type, url, batch_id) VALUES (%s, %s, 'photo', %s, %s)",
                    (media, user, key, batch),
                )
            refs.append({"media_id": str(media), "r2_url": "", "r2_key": key, "bucket": BUCKET})
        job = {"job_id": str(uuid.uuid4()), "batch_id": str(batch), "user_id": str(user), "telegram_id": 77}
        return Upload(job | {"photos": refs, "created_at": "2026-11-20T10:00:00Z", "priority": 1} | changes)

    def push(self, upload: Upload | bytes) -> None:
        self.redis.lpush("photo_moderation_queue", upload if isinstance(upload, bytes) else upload.raw)

    def rows(self, upload: Upload) -> list[dict[str, Any]]:
        """`media` in the order of the batch."""
        found = {row["id"]: row for row in self.pg.execute("SELECT * FROM media").fetchall()}
        return [found[media] for media in upload.media]

    def standing(self, upload: Upload) -> list[tuple[str, str | None]]:
        return [(row["moderation_status"], row["moderation_reason"]) for row in self.rows(upload)]

    def messages(self) -> list[dict[str, Any]]:
        """All that the backend has heard so far."""
        self.heard += [json.loads(message) for message in told(self.ear)]
        return self.heard


@pytest.fixture
def database_url(prepared_url: str) -> str:
    """A database as `lomi up` leaves it."""
    return prepared_url


@pytest.fixture
def cluster(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Cluster]:
    store = Store(tmp_path / "objects")
    store.ensure_bucket(BUCKET)
    client = redis.Redis.from_url(redis_url)
    ear = client.pubsub()  # type: ignore[no-untyped-call]
    ear.subscribe(RESULTS_CHANNEL)
    ear.get_message(timeout=5)
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as pg:
        yield Cluster(redis_url, database_url, store, client, pg, ear)
    ear.close()
    client.close()


class Queue(JobQueue):
    """A real one whose calls fail as told: before the server has seen them, or after."""

    def __init__(self, client: redis.Redis, attempts: int) -> None:
        super().__init__(client, attempts=attempts, chance=lambda: 0.5)
        self.before: dict[str, list[Exception]] = {}
        self.after: dict[str, list[Exception]] = {}
        self.crossing: Callable[[], None] = lambda: None
        """Runs when a job has just been finished."""

    def finish(self, job_id: str, token: str, payload: bytes = b"", tally: str = "") -> Any:
        reply = self._acted("finish", lambda: super(Queue, self).finish(job_id, token, payload, tally))
        self.crossing()
        return reply

    def claim(self, slot: str, seq: int, token: str, lease_s: float = 15.0) -> Any:
        return self._acted("claim", lambda: super(Queue, self).claim(slot, seq, token, lease_s))

    def advance(self, *args: Any, **named: Any) -> Any:
        """Fails as a finish does."""
        reply = self._acted("finish", lambda: super(Queue, self).advance(*args, **named))
        self.crossing()
        return reply

    def _acted(self, name: str, act: Callable[[], Any]) -> Any:
        if faults := self.before.get(name):
            raise faults.pop(0)
        reply = act()
        if faults := self.after.get(name):
            raise faults.pop(0)
        return reply


@dataclass
class Bench:
    """One slot of one worker process."""

    cluster: Cluster
    slot: Slot
    queue: Queue
    process: JudgingProcess
    leases: Leases
    signals: Signals
    rung: list[float]

    @property
    def job(self) -> Any:
        """By id, what the queue remembers."""
        return self.queue.job

    def moderate(self, upload: Upload | bytes) -> None:
        """Pushes a job and runs one turn of the slot."""
        self.cluster.push(upload)
        self._ask_anew()
        self.slot.step()

    def _ask_anew(self) -> None:
        """What the last finish brought along, unless it is a job, was true before the test went on."""
        if self.slot.claims.in_hand() is None:
            self.slot.claims.forget()

    def turn(self) -> None:
        """The next attempt, without waiting for its time: holds are lifted, delayed jobs come due."""
        for hold in self.queue.stats().holds:
            self.queue.unhold(hold.upstream)
        for job_id in self.cluster.redis.zrange(self.queue.keys.delayed, 0, -1):
            self.cluster.redis.execute_command("ZADD", self.queue.keys.delayed, 1, job_id)  # type: ignore[no-untyped-call]
        self._ask_anew()
        self.slot.step()

    def reap(self, job_id: str) -> None:
        """As if the lease had run out."""
        self.cluster.redis.zadd(self.queue.keys.lease, {job_id: 1})
        self.queue.reap(lease_s=0, tick_s=0)

    def beat(self, later_s: float = 0.0) -> None:
        self.leases.beat(time.monotonic() + later_s)

    def letters(self) -> list[tuple[str, str, str]]:
        return [(letter.error_class, letter.code, letter.hint) for letter in dead_letters(self.queue)]


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[MakeBench]:
    """`make_bench(policy="default", process=Kind, worker={…}, images={…}, compreface={…})`. Without a kind of its own
    a test shares one judging process with the others."""
    closing: list[Callable[[], object]] = []

    def make(policy: str = "local", process: type[JudgingProcess] | None = None, **sections: dict[str, Any]) -> Bench:
        # Nobody beats unless the test does, so leases are long.
        sections["worker"] = {"downloads": 4, "lease_s": 600.0} | sections.get("worker", {})
        sections = {"database": {"url": cluster.database_url}} | sections
        settings = settings_of(policy, **sections)
        if process is None:
            judging = request.getfixturevalue("shared_process")
        else:
            request.getfixturevalue("weights")
            judging = judging_process(settings, process)
            closing.append(judging.close)
        client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
        queue = Queue(client, settings.worker.attempts)
        database = Database(cluster.database_url, application="test", size=2)
        faces = FaceService(settings.compreface) if settings.compreface.urls else None
        pool = ThreadPoolExecutor(settings.worker.downloads)
        boot, signals, rung = str(uuid.uuid4()), Signals(drain=_Awake()), list[float]()
        leases = Leases(queue, boot, settings.worker)
        recall = Recall.of(settings)
        if recall is not None:
            closing.append(recall.close)
        judge = BatchJudge(judging, cluster.store, faces, Rule(settings.active_policy()), settings, pool, recall)

        def ring(timeout_s: float) -> Bell:
            rung.append(timeout_s)
            return Bell.RANG

        slot = Slot(f"{boot}/0", queue, database, judge, leases, signals, settings, ring)
        closing.extend((client.close, database.close, pool.shutdown))
        if faces is not None:
            closing.append(faces.close)
        return Bench(cluster, slot, queue, judging, leases, signals, rung)

    yield make
    for close in closing:
        close()


class _Awake(threading.Event):
    """A drain that nobody sleeps on: a nap is somebody else's time."""

    def __init__(self) -> None:
        super().__init__()
        self.naps: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.naps.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()
