"""Telling the queue how a worker ended. Only its parent knows the signal, and a dead letter's story should say it."""

from __future__ import annotations

import logging
import socket
import threading

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.errors import LomiError

TIMEOUT_S = 2.0

_LOG = logging.getLogger(__name__)


def write(redis_url: str, pid: int, how: str) -> None:
    """Does it in a thread of its own: the supervisor waits for nobody, and a queue that is away hears nothing."""
    threading.Thread(target=_write, args=(redis_url, pid, how), name="epitaph", daemon=True).start()


def _write(redis_url: str, pid: int, how: str) -> None:
    from lomi_ops.queue.client import queue_client
    from lomi_ops.queue.workers import WorkerRegistry

    section = RedisSection.model_validate(
        {"url": redis_url, "timeout_s": TIMEOUT_S, "connect_timeout_s": TIMEOUT_S, "doorbell_s": 1}
    )
    client = queue_client(section)
    try:
        WorkerRegistry(client).epitaph(socket.gethostname(), pid, how)
    except LomiError as failure:
        _LOG.warning("the end of process %d could not be told: %s", pid, failure.message)
    finally:
        client.close()
