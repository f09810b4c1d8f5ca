"""What a diagnosis looks at, and how a source that fails is kept from taking the others along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import redis

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.config.schema import Settings
from lomi_ops.db.pool import Database
from lomi_ops.domain.diagnosis import Failure
from lomi_ops.errors import LomiError
from lomi_ops.ops.containers import Look
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import WorkerRegistry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Handles:
    """All of them may be used by several threads at once; nothing is opened before it is used."""

    settings: Settings
    redis: redis.Redis
    queue: JobQueue
    registry: WorkerRegistry
    database: Database
    faces: FaceService | None
    docker: Look
    stack: Path | None = None
    """The local stack that the services are from, if they are."""


def asked(source: str, question: Callable[[], T]) -> T | Failure:
    """The answer, or why there is none."""
    try:
        return question()
    except LomiError as failure:
        return Failure(source, failure.message, failure.hint, slow=_timed_out(failure))


def _timed_out(failure: BaseException | None) -> bool:
    while failure is not None:
        if "Timeout" in type(failure).__name__:
            return True
        failure = failure.__cause__
    return False
