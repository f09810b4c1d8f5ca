"""How large the image of a worker is, and how long from its start to its first job: `python -m benchmarks.image`.

A container and a bare process of the same program start in turn, on one Redis, one Postgres and one folder, with
one job waiting. The bare process shows what of the time is the container's.

It starts an engine of its own and makes the image there, without a network. With `--image` it measures one that the
engine of DOCKER_HOST has.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import psycopg
import redis

from benchmarks.queue.figures import Figure, middle, percentile, table
from lomi_ops.config import model_files
from lomi_ops.db.bootstrap import prepare
from lomi_ops.ops.demo import sources
from lomi_ops.queue.keys import Keys
from tests import docker_engine
from tests.docker import images
from tests.services import open_folder, running_postgres, running_redis
from worker.run import READY_LINE

GOAL_MB = 400
MODEL = "nudenet-320n"
BUCKET = "lomi-photos"
LIMIT_S = 120.0
_NOT_OURS = ("LOMI_", "REDIS_", "DB_", "S3_", "COMPREFACE_")


@dataclass(frozen=True)
class Started:
    """Seconds since the command to start."""

    ready: float
    first_job: float


@dataclass
class Cluster:
    """Stores on this machine, and one photo in them."""

    redis: redis.Redis
    database_url: str
    folder: Path
    environment: dict[str, str]

    def push(self) -> str:
        """One job of one photo, as the backend pushes it."""
        user, batch, media = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        key = f"users/{user}/photo/{media}.jpg"
        path = self.folder / "objects" / BUCKET / key
        path.parent.mkdir(parents=True)
        path.write_bytes(sources.read("astronaut"))
        with psycopg.connect(self.database_url) as connection:
            telegram = uuid.uuid4().int >> 66
            connection.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", (user, telegram))
            connection.execute(
                "INSERT INTO media (id, user_id, media_type, url, batch_id) VALUES (%s, %s, 'photo', %s, %s)",
                (media, user, key, batch),
            )
        photo = {"media_id": str(media), "r2_url": "", "r2_key": key, "bucket": BUCKET}
        job = {"job_id": str(uuid.uuid4()), "batch_id": str(batch), "user_id": str(user), "telegram_id": 7}
        body = job | {"photos": [photo], "created_at": "2026-11-20T10:00:00Z", "priority": 1}
        self.redis.lpush(Keys().ready, json.dumps(body, separators=(",", ":")))
        return str(job["job_id"])

    def done(self, job_id: str) -> bool:
        return self.redis.hget(Keys().job(job_id), "state") == b"done"


@contextmanager
def cluster() -> Iterator[Cluster]:
    found = model_files.locate(MODEL)
    if found.path is None:
        sys.exit(f"the model {MODEL} is not installed: lomi models add {MODEL}")
    with (
        tempfile.TemporaryDirectory(prefix="lomi-image-") as name,
        running_redis() as server,
        running_postgres() as url,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        prepare(url)
        environment = {
            "LOMI_REDIS_URL": server.url, "LOMI_DATABASE_URL": url, "LOMI_OBJECTS": str(folder / "objects"),
            "LOMI_MODELS": str(found.path.parent), "LOMI_POLICY": "local", "LOMI_LOG__FORMAT": "json",
        }  # fmt: skip
        yield Cluster(redis.Redis.from_url(server.url), url, folder, environment)


@contextmanager
def engine(image: str) -> Iterator[tuple[Any, str]]:
    """An engine's client, and the image there."""
    if image:
        api = docker.from_env(timeout=120).api
        yield api, image
        api.close()
        return
    if lacks := ", ".join(filter(None, (docker_engine.lacking(), images.lacking()))):
        sys.exit(f"this needs {lacks}; or --image, for one that is there")
    with docker_engine.running_engine() as url, open_folder("lomi-images-") as folder:
        api = docker.DockerClient(base_url=url, timeout=300).api
        builder = images.Builder(url, api, folder)
        builder.base()
        builder.worker()
        yield api, images.WORKER
        api.close()


def until(holds: Callable[[], object]) -> float:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker does not come to its first job")
        time.sleep(0.01)
    return time.monotonic()


def in_container(api: Any, image: str, at: Cluster) -> Started:
    """On this machine's network, with the limits of the rendered files."""
    job = at.push()
    folders = [f"{at.environment[name]}:{at.environment[name]}:ro" for name in ("LOMI_OBJECTS", "LOMI_MODELS")]
    host = api.create_host_config(
        network_mode="host", binds=folders, read_only=True, tmpfs={"/tmp": ""}, cap_drop=["ALL"], mem_limit="1g"
    )
    began = time.monotonic()
    made = api.create_container(image, host_config=host, environment=at.environment)["Id"]
    try:
        api.start(made)
        ready = until(lambda: READY_LINE.encode() in api.logs(made))
        first = until(lambda: at.done(job))
        api.stop(made, timeout=60)
        if code := api.inspect_container(made)["State"]["ExitCode"]:
            raise RuntimeError(f"exit {code}: {api.logs(made, tail=5).decode()}")
        return Started(ready - began, first - began)
    finally:
        api.remove_container(made, force=True)


def as_process(at: Cluster) -> Started:
    job = at.push()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    log = at.folder / f"{job}.log"
    with log.open("wb") as out:
        began = time.monotonic()
        worker = subprocess.Popen(
            [sys.executable, "-m", "lomi_ops", "worker"], env=kept | at.environment, stdout=out, stderr=out
        )
        try:
            ready = until(lambda: READY_LINE in log.read_text())
            first = until(lambda: at.done(job))
        finally:
            worker.terminate()
            worker.wait(60)
    return Started(ready - began, first - began)


def layers(api: Any, image: str) -> list[Figure]:
    size = api.inspect_image(image)["Size"] / 1e6
    found = [Figure(f"`{image}`", size, "MB", f"≤ {GOAL_MB} MB", size <= GOAL_MB, "unpacked, all layers")]
    for layer in reversed(api.history(image)):
        if layer["Size"] > 1_000_000:
            found.append(Figure("of it", layer["Size"] / 1e6, "MB", note=_words(layer["CreatedBy"] or "the base")))
    return found


def _words(command: str) -> str:
    for mark, what in (("/opt/lomi-ops", "our own code"), ("lomi in", "our own code"), ("dir:", "copied")):
        if mark in command:
            return what
    return command.removeprefix("/bin/sh -c ")[:60].strip() or "the base"


def starts(contained: Sequence[Started], bare: Sequence[Started]) -> list[Figure]:
    def figure(what: str, values: list[float], note: str = "") -> Figure:
        return Figure(what, middle(values), "s", note=f"p90 {percentile(values, 0.9):.2f} {note}".strip())

    first, first_bare = [each.first_job for each in contained], [each.first_job for each in bare]
    return [
        figure("container created to ready", [each.ready for each in contained]),
        figure("container created to first job done", first),
        figure("bare process started to ready", [each.ready for each in bare]),
        figure("bare process started to first job done", first_bare),
        Figure("container / process, to first job", middle(first) / middle(first_bare), "x"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--image", default="", help="image to measure, on the engine of DOCKER_HOST; else one is made")
    parser.add_argument("--rounds", type=int, default=10, help="starts of each kind")
    options = parser.parse_args()
    contained, bare = [], []
    with cluster() as at, engine(options.image) as (api, image):
        before = os.getloadavg()[0]
        for turn in range(options.rounds + 1):
            pair = in_container(api, image, at), as_process(at)
            if turn:  # the first ones find cold files
                contained.append(pair[0])
                bare.append(pair[1])
        found = [*layers(api, image), *starts(contained, bare)]
    print(table(found))
    print()
    print(
        f"{options.rounds} rounds, cores {os.cpu_count()}, python {platform.python_version()}, "
        f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    )
    return int(any(figure.meets is False for figure in found))


if __name__ == "__main__":
    sys.exit(main())
