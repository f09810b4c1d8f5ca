"""A whole cluster in containers: a Compose project, its stores seen from outside, and how containers left it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import psycopg
import redis
from docker.errors import APIError, DockerException

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db.bootstrap import prepare
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.workers import WorkerRegistry
from tests.chaos.servers import S3_KEY, S3_SECRET, running_s3
from tests.chaos.uploads import BUCKET
from tests.docker import images
from tests.docker.images import ROOT
from tests.docker.models import write_model
from tests.proxy import FaultProxy
from tests.services import free_port

SERVICE = "moderator-worker"
SECRET = "pass-of-the-tests"
START_S = 90.0
GRACE_S = 60
_FOREIGN = ("LOMI_", "REDIS_", "DB_", "S3_", "COMPREFACE_", "DOCKER_", "TELEGRAM_")


def until(holds: Callable[[], object], what: str, within_s: float = START_S) -> None:
    """A deadline, not a measurement."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


def _age_s(started_at: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(f"{started_at[:26]}+00:00")).total_seconds()


@dataclass
class Ends:
    """Every end of a container with a label, by the engine's own events."""

    url: str
    label: str
    exits: list[int] = field(default_factory=list)
    """Exit codes, in their order."""

    def __enter__(self) -> Ends:
        self._api = docker.DockerClient(base_url=self.url).api
        self._events = self._api.events(filters={"event": "die", "label": self.label}, decode=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()
        self._thread.join(10)
        self._api.close()

    def _listen(self) -> None:
        with suppress(DockerException, OSError, ValueError, AttributeError):
            for event in self._events:
                self.exits.append(int(event["Actor"]["Attributes"]["exitCode"]))


@dataclass
class Stack:
    """One Compose project, by the file that `lomi deploy render compose` writes: nothing of it is changed."""

    url: str
    folder: Path
    workers: int = 2
    project: str = field(default_factory=lambda: f"lomi{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.api: Any = docker.DockerClient(base_url=self.url, timeout=120).api
        self.ports = {name: free_port() for name in ("redis", "postgres", "compreface", "backend")}
        self._stack = ExitStack()
        self.folder.chmod(0o755)
        for name in ("models", "backend"):
            (self.folder / name).mkdir()
        write_model(self.folder / "models")

    @property
    def label(self) -> str:
        """Of the project's workers."""
        return f"com.docker.compose.service={SERVICE}"

    @property
    def env_file(self) -> Path:
        return self.folder / ".env.production"

    def write_env_file(self, s3: str) -> None:
        """As an operator has it, and what Compose is told beside it. `s3`: host and port."""
        values = {
            "REDIS_HOST": "redis", "REDIS_PORT": "6379", "REDIS_PASSWORD": SECRET, "REDIS_DB": "0",
            "DB_HOST": "postgres", "DB_PORT": "5432", "DB_USER": "lomi", "DB_PASSWORD": SECRET, "DB_NAME": "lomi_db",
            "DB_SSL_MODE": "disable", "S3_ENDPOINT": f"http://{s3}", "S3_ACCESS_KEY": S3_KEY,
            "S3_SECRET_KEY": S3_SECRET,
            "S3_REGION": "auto", "S3_USE_SSL": "false", "S3_BUCKET_PHOTOS": BUCKET,
            "COMPREFACE_URL": "http://compreface:3000", "LOMI_WORKERS": str(self.workers),
            "POSTGRES_IMAGE": images.POSTGRES_IMAGE, "REDIS_IMAGE": images.REDIS_IMAGE,
            "BACKEND_IMAGE": images.BACKEND_IMAGE, "COMPREFACE_IMAGE": images.COMPREFACE_IMAGE,
            "WORKER_IMAGE": images.WORKER, "LOMI_MODELS_FROM": str(self.folder / "models"),
            "DB_PUBLISH": self.ports["postgres"], "REDIS_PUBLISH": self.ports["redis"],
            "COMPREFACE_PUBLISH": self.ports["compreface"], "BACKEND_PUBLISH": self.ports["backend"],
        }  # fmt: skip
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    def up(self) -> None:
        """The stores first, since their network says where this machine is; the contract's tables; then the rest."""
        self.write_env_file("nowhere:1")
        self.lomi("deploy", "render", "compose", "--out", ".")
        self.lomi("deploy", "secrets", "--env-file", str(self.env_file), "--out", "secrets")
        self.compose("up", "-d", "postgres", "redis", "compreface")
        s3 = self._stack.enter_context(running_s3(BUCKET, {}))
        self.ports["s3"] = s3
        way = self._stack.enter_context(FaultProxy("127.0.0.1", s3, listen=self.gateway()))
        self.s3 = f"{way.host}:{way.port}"
        self.write_env_file(self.s3)
        until(self.redis_answers, "Redis")
        until(self.postgres_answers, "Postgres")
        prepare(self.database_url)
        self.compose("up", "-d")
        self.await_ready(self.workers)

    def compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        """docker-compose 1.29, as the rendered file says."""
        files = ("-p", self.project, "-f", "docker-compose.prod.yml", "--env-file", str(self.env_file))
        done = subprocess.run(
            ["docker-compose", *files, *words], env=self._environ(), cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done

    def lomi(self, *words: str, check: int | None = 0, **settings: str) -> subprocess.CompletedProcess[str]:
        """An operator's command line on this machine: the env file, and where its services are from here."""
        here = {
            "LOMI_ENV_FILE": str(self.env_file), "PYTHONPATH": str(ROOT), "LOMI_DOCKER__PROJECT": self.project,
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.ports["redis"]),
            "DB_HOST": "127.0.0.1", "DB_PORT": str(self.ports["postgres"]),
            "COMPREFACE_URL": f"http://127.0.0.1:{self.ports['compreface']}",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "lomi_ops", *words], env=self._environ() | here | settings, cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check is not None:
            assert done.returncode == check, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    def restart(self) -> None:
        """One after another, as an operator does it."""
        self.lomi("workers", "restart")

    def told(self, way: Callable[[str], str]) -> dict[str, str]:
        """What a worker outside of the project is told: `way` says, as host:port, how it reaches a service."""
        redis_at, postgres_at = way("redis"), way("postgres")
        return {
            "LOMI_REDIS_URL": f"redis://:{SECRET}@{redis_at}/0",
            "LOMI_DATABASE_URL": f"postgresql://lomi:{SECRET}@{postgres_at}/lomi_db",
            "S3_ENDPOINT": f"http://{way('s3')}", "S3_ACCESS_KEY": S3_KEY, "S3_SECRET_KEY": S3_SECRET,
            "COMPREFACE_URL": f"http://{way('compreface')}", "LOMI_LOG__FORMAT": "json",
        }  # fmt: skip

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return kept | {"DOCKER_HOST": self.url, "HOME": str(self.folder)}

    # --- what is there ------------------------------------------------------------------------------------------------

    def containers(self, service: str = SERVICE, *, every: bool = False) -> list[Mapping[str, Any]]:
        """Inspected, by their numbers; with `every` those that have ended, too."""
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        found = [self.api.inspect_container(each["Id"]) for each in self.api.containers(
            all=every, filters={"label": labels})]  # fmt: skip
        return sorted(found, key=lambda said: int(said["Config"]["Labels"]["com.docker.compose.container-number"]))

    def healthy(self) -> list[str]:
        return [said["Id"] for said in self.containers() if said["State"].get("Health", {}).get("Status") == "healthy"]

    def await_healthy(self, count: int) -> None:
        """Docker's own word, which it has when the interval of its health check is over."""
        self._await(self.healthy, count, "healthy")

    def await_ready(self, count: int) -> None:
        """So many containers, in each of which a worker has registered since it runs."""
        self._await(self.ready, count, "ready")

    def _await(self, found: Callable[[], Sequence[object]], count: int, how: str) -> None:
        try:
            until(lambda: len(found()) == count, f"{count} {how} workers")
        except AssertionError:
            raise AssertionError(f"{len(found())} of {count} are {how}:\n{self.last_words()}") from None

    def ready(self) -> list[str]:
        registered = self.registry()
        ages = {said["Config"]["Hostname"]: _age_s(said["State"]["StartedAt"]) for said in self.containers()}
        if len(ages) != len({each.info.host for each in registered if each.info.host in ages}):
            return []
        return [each.info.host for each in registered if each.beat_age_s < ages.get(each.info.host, 0.0)]

    def registry(self) -> tuple[WorkerRecord, ...]:
        """Whoever works on its queue, wherever."""
        with closing(queue_client(RedisSection.model_validate({"url": self.redis_url}))) as client:
            return WorkerRegistry(client).list()

    def last_words(self) -> str:
        return "\n".join(
            f"{said['Name']} {said['State']['Status']}: {self.api.logs(said['Id'], tail=8).decode(errors='replace')}"
            for service in ("redis", "postgres", "compreface", SERVICE)
            for said in self.containers(service, every=True)
        )

    def gateway(self) -> str:
        """This machine, as the project's containers see it."""
        (network,) = self.containers("redis")[0]["NetworkSettings"]["Networks"].values()
        return str(network["Gateway"])

    @property
    def redis_url(self) -> str:
        return f"redis://:{SECRET}@127.0.0.1:{self.ports['redis']}/0"

    @property
    def database_url(self) -> str:
        return f"postgresql://lomi:{SECRET}@127.0.0.1:{self.ports['postgres']}/lomi_db"

    def redis_answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.redis_url, socket_timeout=2) as client:
            return bool(client.ping())
        return False

    def postgres_answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.database_url, connect_timeout=2).close()
            return True
        return False

    def wipe(self) -> None:
        """The stores as before the first upload; workers register anew at their next beat."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()
        with psycopg.connect(self.database_url) as connection:
            # The log of decisions refuses this to everybody but a superuser who says so.
            connection.execute("SET session_replication_role = replica")
            connection.execute("TRUNCATE users, media, lomi.jobs, lomi.decisions, lomi.job_ends, lomi.outbox CASCADE")

    def close(self) -> None:
        with suppress(AssertionError):
            self.compose("kill")
        with suppress(AssertionError):
            self.compose("down", "-v", "--remove-orphans")
        labels = [f"com.docker.compose.project={self.project}"]
        for each in self.api.containers(all=True, filters={"label": labels}):
            with suppress(APIError):
                self.api.remove_container(each["Id"], force=True, v=True)
        self._stack.close()
        self.api.close()


@contextmanager
def running_stack(url: str, folder: Path, *, workers: int = 2) -> Iterator[Stack]:
    stack = Stack(url, folder, workers)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()
