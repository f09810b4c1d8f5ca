"""What the checks look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.domain.check import CheckSpec, Found

if TYPE_CHECKING:
    import redis

    from lomi_ops.clients.backend import Backend
    from lomi_ops.clients.compreface.pool import FaceService
    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.config.schema import Settings
    from lomi_ops.db.pool import Database
    from lomi_ops.ops.containers import Look
    from lomi_ops.queue.jobs import JobQueue
    from lomi_ops.queue.workers import WorkerRegistry


@dataclass(frozen=True, slots=True)
class Handles:
    """All of them may be used by several threads at once; nothing is opened before it is used."""

    settings: Settings
    redis: redis.Redis
    queue: JobQueue
    registry: WorkerRegistry
    database: Database
    objects: ObjectStore
    faces: FaceService | None
    docker: Look
    backend: Backend | None
    stack: Path | None = None
    """The local stack that the services are from, if they are."""


Probe = Callable[[Handles], Found]
"""Measures one thing and says what it saw. It may raise LomiError for weather: the run makes a result of it."""


@dataclass(frozen=True, slots=True)
class Check:
    """A sentence and how to find out whether it is true."""

    spec: CheckSpec
    probe: Probe
