"""What front ends hold: the settings of this run, and handles that open when they are first used.

Use-cases never see a Runtime; they are given the one or two handles they need.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.config.load import Loaded, LoadOptions, load
from lomi_ops.config.redact import Redactor

if TYPE_CHECKING:
    import redis

    from lomi_ops.clients.backend import Backend
    from lomi_ops.clients.compreface.pool import FaceService
    from lomi_ops.clients.containers import Control, Engine
    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.config.schema import Settings
    from lomi_ops.db.pool import Database
    from lomi_ops.queue.jobs import JobQueue
    from lomi_ops.queue.workers import WorkerRegistry

SERVICES = frozenset({"redis", "database", "objects"})
"""Everything that a command can need."""


class Runtime:
    """Settings and lazily opened handles. Close it, or use `opened`."""

    def __init__(self, loaded: Loaded, tell: Callable[[str], None] = lambda text: None) -> None:
        """`tell` hears what a person should know of a service, once: that the schema is newer than this program."""
        self.loaded = loaded
        self._tell = tell
        self._closing = ExitStack()

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @cached_property
    def redactor(self) -> Redactor:
        return Redactor.of(self.settings)

    @cached_property
    def queue(self) -> JobQueue:
        """For every change, and for reading beside it: never repeats a command by itself."""
        from lomi_ops.queue.jobs import JobQueue

        return JobQueue(self.redis, attempts=self.settings.worker.attempts)

    @cached_property
    def registry(self) -> WorkerRegistry:
        from lomi_ops.queue.workers import WorkerRegistry

        return WorkerRegistry(self.redis)

    @cached_property
    def redis(self) -> redis.Redis:
        from lomi_ops.queue.client import queue_client

        client = queue_client(self.settings.redis)
        self._closing.callback(client.close)
        return client

    @cached_property
    def database(self) -> Database:
        from lomi_ops.db.pool import Database

        database = Database.from_section(self.settings.database, tell=self._tell)
        self._closing.callback(database.close)
        return database

    @cached_property
    def replica(self) -> Database:
        """The database for what only reads and may be late: a replica where one is configured."""
        section = self.settings.database
        if section.replica_url is None:
            return self.database
        from lomi_ops.db.pool import Database

        replica = Database.from_section(section.model_copy(update={"url": section.replica_url}), tell=self._tell)
        self._closing.callback(replica.close)
        return replica

    @cached_property
    def objects(self) -> ObjectStore:
        from lomi_ops.clients.objects import open_store

        store = open_store(self.settings.objects)
        self._closing.callback(store.close)
        return store

    @cached_property
    def faces(self) -> FaceService | None:
        """The face service, or None where none is configured."""
        if not self.settings.compreface.urls:
            return None
        from lomi_ops.clients.compreface.pool import FaceService

        service = FaceService(self.settings.compreface)
        self._closing.callback(service.close)
        return service

    @cached_property
    def docker(self) -> Engine:
        """The Docker Engine of the cluster, whether there is one or not: it says so when it is asked."""
        from lomi_ops.clients.containers import Engine

        engine = Engine(self.settings.docker, os.environ)
        self._closing.callback(engine.close)
        return engine

    @cached_property
    def docker_control(self) -> Control:
        """For what changes containers and services on that engine."""
        from lomi_ops.clients.containers import Control

        return Control(self.docker)

    @cached_property
    def backend(self) -> Backend | None:
        """The Go backend, or None where none is configured."""
        if not self.settings.backend.url:
            return None
        from lomi_ops.clients.backend import Backend

        backend = Backend(self.settings.backend)
        self._closing.callback(backend.close)
        return backend

    def closing(self, close: Callable[[], object]) -> None:
        """Has something closed with the others."""
        self._closing.callback(close)

    def close(self) -> None:
        self._closing.close()


@contextmanager
def opened(
    *,
    needs: frozenset[str] = SERVICES,
    config: Path | None = None,
    env_file: Path | None = None,
    data: Path | None = None,
    profile: str | None = None,
    overrides: Mapping[str, object] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Runtime]:
    """A Runtime whose handles are closed afterwards. Raises ConfigError for what is missing or wrong."""
    options = LoadOptions(
        config=config,
        env_file=env_file,
        data=data,
        profile=profile,
        overrides=overrides or {},
        environ=os.environ,
        cwd=Path.cwd(),
        needs=needs,
    )
    runtime = Runtime(load(options), tell)
    try:
        yield runtime
    finally:
        runtime.close()
