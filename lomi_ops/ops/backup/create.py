"""Making a backup: the queue first, then Postgres as it stood a moment later, then the settings, the manifest last.

In this order the queue is never newer than the record: a job of the queue that was settled in between finds itself in
the ledger, and a photo that came in between waits in Postgres for `lomi reconcile`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from lomi_ops.db import backup as record
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.db.login import Login
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain import backup
from lomi_ops.domain.backup import DatabasePart, Manifest, Part, QueuePart
from lomi_ops.ops.backup import postgres, programs
from lomi_ops.ops.backup.children import READ_ALL
from lomi_ops.ops.backup.place import Draft, Place
from lomi_ops.ops.local.binaries import Source
from lomi_ops.queue import client as queue_client
from lomi_ops.queue.backup import export, pages
from lomi_ops.queue.backup.pages import Page
from lomi_ops.queue.keys import Keys
from lomi_ops.version import __version__

SETTINGS_SCHEMA = "lomi.backup.settings/v1"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Handles:
    """What is saved, and where to."""

    database: Database
    login: Login
    redis: redis.Redis
    keys: Keys
    place: Place


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it, and what to call it."""

    name: str
    host: str
    actor: str
    clock: Callable[[], datetime]
    settings: tuple[Mapping[str, Any], ...]
    """As people may see them: of a secret only that it is set."""
    keep: int | None = None
    """So many backups stay; None for all."""
    source: Source = Source.AUTO


@dataclass(frozen=True, slots=True)
class Created:
    """What was done."""

    manifest: Manifest
    swept: tuple[str, ...]
    """What interrupted runs had left."""
    removed: tuple[str, ...]
    """Older backups that were too many."""


def create(handles: Handles, order: Order, say: Say = lambda text: None) -> Created:
    """Raises LockHeld where another run is at work, MissingExtra where no pg_dump fits, LomiError where the place is
    full; RedisUnavailable, DatabaseUnavailable, ObjectsUnavailable. Older backups stay as they are then."""
    started_at = order.clock()
    with _explained(), record.exclusive(handles.database) as session:
        server = record.server(session)
        program = programs.pg_dump(server.version, order.source)
        swept = handles.place.sweep()
        with handles.place.draft(order.name) as draft:
            say("saving the queue")
            queue, queue_file = _save_queue(handles, draft)
            say(f"saving Postgres {server.version} with pg_dump {programs.shown(program)}")
            with record.snapshot(session) as moment:
                database = _describe(session, server, f"pg_dump {programs.shown(program)}")
                with closing(postgres.dump(program, handles.login, moment)) as dumped:
                    database_file = draft.put(backup.DATABASE_FILE, dumped)
            settings_file = draft.put(backup.SETTINGS_FILE, [_settings(order)])
            manifest = Manifest(
                name=order.name,
                started_at=started_at,
                finished_at=order.clock(),
                lomi=__version__,
                host=order.host,
                actor=order.actor,
                database=database,
                queue=queue,
                parts=(database_file, queue_file, settings_file),
            )
            draft.commit(backup.manifest_text(manifest))
        return Created(manifest, swept, _prune(handles.place, order.keep))


def _save_queue(handles: Handles, draft: Draft) -> tuple[QueuePart, Part]:
    server = queue_client.inspect(handles.redis)
    tally = Tally(handles.keys)
    found = tally.counted(export.pages(handles.redis, handles.keys))
    part = draft.put(backup.QUEUE_FILE, pages.written(handles.keys.ready, found))
    described = QueuePart(
        server=f"{server.name} {server.version}",
        list=handles.keys.ready,
        keys=tally.keys,
        lengths=tally.lengths(),
    )
    return described, part


def _describe(session: Session, server: record.Server, program: str) -> DatabasePart:
    return DatabasePart(
        version=server.version,
        program=program,
        name=server.name,
        extensions=record.extensions(session),
        roles=record.roles(session),
        tables=record.tables(session),
    )


@contextmanager
def _explained() -> Iterator[None]:
    """What the role may not read is the first thing to be met here."""
    try:
        yield
    except DatabaseMisfit as misfit:
        if "permission denied" in misfit.message:
            misfit.hint = READ_ALL
        raise


def _settings(order: Order) -> bytes:
    return json.dumps({"schema": SETTINGS_SCHEMA, "settings": order.settings}, indent=2, default=str).encode() + b"\n"


def _prune(place: Place, keep: int | None) -> tuple[str, ...]:
    removed = backup.too_many(place.names(), keep) if keep is not None else ()
    for name in removed:
        place.remove(name)
    return removed


class Tally:
    """Counts what goes by."""

    def __init__(self, keys: Keys) -> None:
        self._names = {
            keys.ready: "ready", keys.high: "high", keys.bulk: "bulk", keys.delayed: "delayed", keys.slots: "running",
            keys.dead: "dead", keys.done: "done", keys.unsent: "unsent", keys.results: "results",
        }  # fmt: skip
        self._counts: Counter[str] = Counter()
        self._last = ""
        self.keys = 0

    def counted(self, found: Iterable[Page]) -> Iterator[Page]:
        for page in found:
            if page.key != self._last:
                self.keys, self._last = self.keys + 1, page.key
            if page.key in self._names:
                self._counts[self._names[page.key]] += len(page.items)
            yield page

    def lengths(self) -> dict[str, int]:
        return {name: self._counts[name] for name in self._names.values()}
