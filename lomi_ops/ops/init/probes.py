"""Knocking: does a service answer where somebody says that it is? Short, side by side, with our own clients.

A probe says what it heard in one line. It raises nothing, changes nothing, and waits for nobody beyond the limit.
"""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from lomi_ops.config.sections.services import (
    BackendSection,
    CompreFaceSection,
    DatabaseSection,
    ObjectsSection,
    RedisSection,
)
from lomi_ops.errors import LomiError
from lomi_ops.ops.init.ways import Part, Way

LIMIT_S = 8.0
CONNECT_S = 2.0
"""For somebody to be there."""
ANSWER_S = 6.0
"""For what is there to say something of use, on a busy machine, too."""
HEALTH = "/api/v1/health"
_CANARY = "lomi-canary/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was heard."""

    ok: bool
    detail: str
    resolves: bool = True
    """Whether the host's name means anything here."""


def ask(ways: Iterable[Way]) -> list[Answer]:
    """One answer for each way, in their order, after LIMIT_S at most."""
    asked = list(ways)
    heard: queue.Queue[tuple[int, Answer]] = queue.Queue()
    for index, way in enumerate(asked):
        # Nobody waits for these at the end: a resolver may take half a minute to say no.
        threading.Thread(target=lambda i=index, w=way: heard.put((i, _answer(w))), daemon=True).start()
    found: dict[int, Answer] = {}
    ends = time.monotonic() + LIMIT_S
    while len(found) < len(asked):
        try:
            index, answer = heard.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            break
        found[index] = answer
    late = Answer(ok=False, detail=f"no answer within {LIMIT_S:g} s")
    return [found.get(index, late) for index in range(len(asked))]


def _answer(way: Way) -> Answer:
    try:
        if way.address is not None:
            socket.create_connection(way.address, CONNECT_S).close()
        return Answer(ok=True, detail=_PROBES[way.part](way.section))
    except socket.gaierror:
        return Answer(ok=False, detail="its name is not known here", resolves=False)
    except TimeoutError:
        return Answer(ok=False, detail=f"no connection within {CONNECT_S:g} s")
    except ConnectionRefusedError:
        return Answer(ok=False, detail="nobody listens there")
    except LomiError as failure:
        return Answer(ok=False, detail=failure.message)
    except Exception as other:  # noqa: BLE001 - whatever a strange server does to a library: it is no answer
        return Answer(ok=False, detail=f"no usable answer ({type(other).__name__})")


def _redis(section: RedisSection) -> str:
    from lomi_ops.queue.client import inspect, queue_client

    with closing(queue_client(section.model_copy(update={"connect_timeout_s": ANSWER_S, "timeout_s": ANSWER_S}))) as at:
        server = inspect(at)
    return f"{server.name} {server.version}"


def _database(section: DatabaseSection) -> str:
    from lomi_ops.db.pool import Database

    limits = {"connect_timeout_s": ANSWER_S, "statement_timeout_s": ANSWER_S, "pool_size": 1}
    with Database.from_section(section.model_copy(update=limits)) as database:
        database.value("server_clock")
    return f"database {section.name}" if section.name else "it answers"


def _objects(section: ObjectsSection) -> str:
    from lomi_ops.clients.objects.opening import allowed_buckets, endpoint_url, open_store

    with closing(open_store(section)) as store:
        if section.directory is None:
            from lomi_ops.clients.objects.s3 import S3Store

            limits = {"connect_timeout_s": ANSWER_S, "read_timeout_s": ANSWER_S}
            brief = section.model_copy(update=limits)
            store = S3Store(brief, endpoint_url(brief), allowed_buckets(brief), retries=0)
        next(iter(store.list(section.bucket_photos, _CANARY)), None)
    return f"bucket {section.bucket_photos}"


def _compreface(section: CompreFaceSection) -> str:
    from lomi_ops.clients.compreface.client import Endpoint

    said = []
    for url in section.urls:
        with closing(
            Endpoint(url, section.model_copy(update={"connect_timeout_s": ANSWER_S, "timeout_s": ANSWER_S}))
        ) as at:
            health = at.health()
        if not health.ok:
            raise LomiError(health.detail)
        said.append(health.mode.value if health.mode else "answers")
    return ", ".join(said)


def _backend(section: BackendSection) -> str:
    parts = urlsplit(section.url or "")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request("GET", parts.path.rstrip("/") + HEALTH)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as failure:
        raise LomiError(f"no connection ({getattr(failure, 'strerror', None) or type(failure).__name__})") from failure
    finally:
        connection.close()
    if status != 200:
        raise LomiError(f"{HEALTH} answers {status}")
    return f"{HEALTH} answers 200"


_PROBES: Mapping[Part, Callable[..., str]] = {
    Part.REDIS: _redis,
    Part.DATABASE: _database,
    Part.OBJECTS: _objects,
    Part.COMPREFACE: _compreface,
    Part.BACKEND: _backend,
}
