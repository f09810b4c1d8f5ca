"""A real stack, started by the installed command, and what the rest of the system would do to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg.rows import dict_row

from lomi_ops.ops.demo.samples import Sample, build_samples
from tests.conftest import need

QUEUE = "photo_moderation_queue"
CHANNEL = "moderation_results"
BUCKET = "lomi-photos"


def environment(**extra: str) -> dict[str, str]:
    """This process's, without anything that points lomi elsewhere."""
    foreign = ("LOMI_", "REDIS_", "DB_", "S3_", "TELEGRAM_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return kept | {"COLUMNS": "160"} | extra


def lomi(
    *arguments: object, check: int | None = 0, timeout: float = 110, **extra: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", *map(str, arguments)],
        env=environment(**extra), capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass
class Upload:
    """One batch as the backend leaves it behind."""

    job: dict[str, Any]
    media: list[str]

    @property
    def raw(self) -> str:
        return json.dumps(self.job, separators=(",", ":"))


@dataclass
class Cluster:
    """A local stack seen from outside."""

    data: Path
    redis_url: str
    database_url: str
    objects: Path
    redis: redis.Redis = field(init=False)
    pg: psycopg.Connection[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        self.redis = redis.Redis.from_url(self.redis_url)
        self.pg = psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row)

    def close(self) -> None:
        self.redis.close()
        self.pg.close()

    def upload(self, photos: Sequence[bytes | None], **changes: Any) -> Upload:
        """Objects, a user, `media` rows by plain SQL, and the job that the Go producer would push. None: no object."""
        user, batch = uuid.uuid4(), uuid.uuid4()
        telegram = uuid.uuid4().int >> 66
        self.pg.execute(
            "INSERT INTO users (id, telegram_id, name, is_active) VALUES (%s, %s, 'Abebe', true)", (user, telegram)
        )
        refs = []
        for data in photos:
            media = uuid.uuid4()
            key = f"users/{user}/photo/{media}.jpg"
            if data is not None:
                target = self.objects / BUCKET / key
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            self.pg.execute(
                "INSERT INTO media (id, user_id, media_type, url, batch_id) VALUES (%s, %s, 'photo', %s, %s)",
                (media, user, key, batch),
            )
            url = f"https://files.example.org/{key}?X-Amz-Signature=abc"
            refs.append({"media_id": str(media), "r2_url": url, "r2_key": key, "bucket": BUCKET})
        job = {
            "job_id": str(uuid.uuid4()), "batch_id": str(batch), "user_id": str(user), "telegram_id": telegram,
            "photos": refs, "created_at": "2025-11-24T10:00:00.123456789+03:00", "retry_count": 0, "priority": 1,
        }  # fmt: skip
        return Upload(job | changes, [ref["media_id"] for ref in refs])

    def push(self, upload: Upload | str) -> None:
        self.redis.lpush(QUEUE, upload if isinstance(upload, str) else upload.raw)

    def rows(self, upload: Upload) -> list[dict[str, Any]]:
        """`media` in the order of the batch."""
        found = self.pg.execute("SELECT * FROM media WHERE id = ANY(%s)", ([uuid.UUID(i) for i in upload.media],))
        by_id = {str(row["id"]): row for row in found.fetchall()}
        return [by_id[media] for media in upload.media]

    def statuses(self, upload: Upload) -> list[str]:
        return [row["moderation_status"] for row in self.rows(upload)]

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(lomi("status", "--data", self.data, "-o", "json", check=None).stdout)
        return document


@dataclass
class Subscriber:
    """The backend's ear on `moderation_results`."""

    pubsub: Any
    heard: list[dict[str, Any]] = field(default_factory=list)

    def listen(self, seconds: float) -> None:
        message = self.pubsub.get_message(ignore_subscribe_messages=True, timeout=seconds)
        if message is not None:
            self.heard.append(json.loads(message["data"]))

    def of(self, upload: Upload) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["batch_id"] == upload.job["batch_id"]]

    def wait_for(self, upload: Upload, seconds: float = 60) -> dict[str, Any]:
        """The first message about a batch. A deadline, not a measurement."""
        deadline = time.monotonic() + seconds
        while not self.of(upload):
            assert time.monotonic() < deadline, "nothing was published in time"
            self.listen(0.2)
        return self.of(upload)[0]


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def weights() -> None:
    """The detector that the local policy stands on."""
    done = lomi("models", "verify", "nudenet-320n", check=None)
    need(done.returncode == 0, "the model nudenet-320n (lomi models add nudenet-320n --accept-licence)")


@pytest.fixture(scope="session")
def stack_folder(weights: None) -> Iterator[Path]:
    """Where a service user can go: pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="lomi-acceptance-"))
    folder.chmod(0o755)
    yield folder / "stack"
    lomi("down", "--data", folder / "stack", check=None)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def running(stack_folder: Path) -> Path:
    lomi("up", "--data", stack_folder, "--workers", 2)
    return stack_folder


@pytest.fixture
def cluster(running: Path) -> Iterator[Cluster]:
    where = json.loads(lomi("env", "--data", running, "-o", "json").stdout)
    found = Cluster(running, where["redis_url"], where["database_url"], Path(where["objects"].removeprefix("file://")))
    yield found
    found.close()


@pytest.fixture
def subscriber(cluster: Cluster) -> Iterator[Subscriber]:
    pubsub = cluster.redis.pubsub()  # type: ignore[no-untyped-call]
    pubsub.subscribe(CHANNEL)
    pubsub.get_message(timeout=5)
    yield Subscriber(pubsub)
    pubsub.close()


@pytest.fixture(scope="session")
def samples() -> dict[str, Sample]:
    return {sample.name: sample for sample in build_samples()}


# --- a stack without workers, and workers started by hand ------------------------------------------------------------


@dataclass
class Worker:
    """A `lomi worker` process with what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def actions(self) -> list[str]:
        return [event["action"] for event in self.events()]

    def wait_for(self, action: str, seconds: float = 60) -> None:
        wait_until(lambda: action in self.actions() or self.process.poll() is not None, seconds)
        assert action in self.actions(), self.log.read_text()


@contextmanager
def worker_process(log: Path, *arguments: object, **extra: str) -> Iterator[Worker]:
    """A worker for services that the environment names, ready to judge; killed at the end."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "lomi_ops", "worker", *map(str, arguments)],
            env=environment(**extra), stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    worker = Worker(process, log)
    try:
        worker.wait_for("worker_ready")
        yield worker
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture(scope="module")
def bare_folder(weights: None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lomi-bare-"))
    folder.chmod(0o755)
    lomi("up", "--data", folder / "stack", "--workers", 0)
    yield folder / "stack"
    lomi("down", "--data", folder / "stack", check=None)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bare(bare_folder: Path) -> Iterator[Cluster]:
    """A stack whose workers the test starts itself; empty of jobs."""
    where = json.loads(lomi("env", "--data", bare_folder, "-o", "json").stdout)
    objects = Path(where["objects"].removeprefix("file://"))
    found = Cluster(bare_folder, where["redis_url"], where["database_url"], objects)
    found.redis.flushall()
    yield found
    found.close()


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(bare: Cluster, tmp_path: Path) -> Iterator[StartWorker]:
    """`start_worker(policy=…, LOMI_COMPREFACE_URL=…)`; whatever still runs at the end is killed."""
    started: list[Worker] = []

    def start(*arguments: str, ready: bool = True, **extra: str) -> Worker:
        log = tmp_path / f"worker-{len(started)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "lomi_ops", "worker", "--data", bare.data, *arguments],
                env=environment(**extra), stdout=stream, stderr=subprocess.STDOUT,
            )  # fmt: skip
        started.append(Worker(process, log))
        if ready:
            started[-1].wait_for("worker_ready")
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()


@pytest.fixture
def ear(bare: Cluster) -> Iterator[Subscriber]:
    pubsub = bare.redis.pubsub()  # type: ignore[no-untyped-call]
    pubsub.subscribe(CHANNEL)
    pubsub.get_message(timeout=5)
    yield Subscriber(pubsub)
    pubsub.close()
