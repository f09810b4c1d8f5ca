"""Putting a backup back into a cluster: refused where something would be overwritten that nobody has named, and all
claims paused while it is done. The queue stays paused: what comes next a person decides."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import redis

from lomi_ops.db import backup as record
from lomi_ops.db.login import Login
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain import backup
from lomi_ops.domain.audit import Action
from lomi_ops.domain.backup import Manifest, Table
from lomi_ops.errors import RedisUnavailable, Refused
from lomi_ops.ops.backup import postgres, programs
from lomi_ops.ops.backup.place import DamagedBackup, Place, measure
from lomi_ops.ops.backup.postgres import Restoring
from lomi_ops.ops.local.binaries import Program, Source
from lomi_ops.ops.operations import Journal
from lomi_ops.queue.backup import pages, write
from lomi_ops.queue.backup.pages import Damaged, Page
from lomi_ops.queue.backup.write import Written
from lomi_ops.queue.client import where
from lomi_ops.queue.jobs import JobQueue

_BOOKKEEPING = frozenset(
    {"lomi.schema_migrations", "lomi.backfills", "lomi.audit_head", "lomi.alert_run", "public.schema_migrations"}
)
"""Rows that each migrated database has: which migrations ran, and how far, where the audit ends, who looks after
alerts. One with no others is empty."""
_NAMED = 3

Say = Callable[[str], None]


class Into(StrEnum):
    """What is to be restored."""

    POSTGRES = "postgres"
    QUEUE = "queue"
    BOTH = "both"

    @property
    def database(self) -> bool:
        return self is not Into.QUEUE

    @property
    def queue(self) -> bool:
        return self is not Into.POSTGRES


@dataclass(frozen=True, slots=True)
class Handles:
    """The cluster, and where backups lie."""

    database: Database
    login: Login
    redis: redis.Redis
    queue: JobQueue
    place: Place
    journal: Journal


@dataclass(frozen=True, slots=True)
class DatabasePlan:
    """A database, and what would become of it."""

    where: str
    name: str
    program: Program
    tables: int
    """Of any kind that are there now, also empty ones."""
    filled: tuple[Table, ...]
    """Those with rows."""
    owners: bool
    missing_roles: tuple[str, ...]
    """Roles of the backup that are not here, or that we may not act as: then owners and grants are left out."""
    extensions: tuple[str, ...]
    """Those that are here."""


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """A queue, and what is in it now."""

    where: str
    list: str
    waiting: int
    running: int
    dead: int

    @property
    def empty(self) -> bool:
        return not (self.waiting or self.running or self.dead)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do."""

    manifest: Manifest
    into: Into
    database: DatabasePlan | None
    queue: QueuePlan | None

    @property
    def confirmation(self) -> str:
        """What somebody has to type; empty where nothing is in the way."""
        if self.database is not None and self.database.filled:
            return self.database.name
        return self.queue.list if self.queue is not None and not self.queue.empty else ""


@dataclass(slots=True)
class Restored:
    """What was done."""

    rows: int | None = None
    tables: int = 0
    queue: Written | None = None
    paused: bool = False
    notes: list[str] = field(default_factory=list)
    """What a person should know."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it and why."""

    actor: str
    reason: str
    clock: Callable[[], datetime]
    source: Source = Source.AUTO


def make_plan(handles: Handles, manifest: Manifest, into: Into, source: Source) -> Plan:
    """Looks, and changes nothing. Raises Refused for an older server, MissingExtra where no pg_restore fits."""
    database = queue = None
    if into.database:
        with handles.database.session() as session:
            database = _plan_database(session, handles.database.where, manifest, source)
    if into.queue:
        stats = handles.queue.stats()
        waiting = stats.ready + stats.high + stats.bulk + stats.delayed
        queue = QueuePlan(where(handles.redis), handles.queue.keys.ready, waiting, stats.running, stats.dead)
    return Plan(manifest, into, database, queue)


def require_confirmed(found: Plan, confirmed: str | None, again: str) -> None:
    """Refuses what would be overwritten without having been named. `again` is the command line so far."""
    wanted = found.confirmation
    if not wanted or confirmed == wanted:
        return
    text = "; ".join(_in_the_way(found))
    if confirmed is not None:
        text += f"; --confirm {confirmed} names something else"
    raise Refused(f"{text}; nothing was changed", hint=f"{again} --confirm {wanted}")


def restore(handles: Handles, found: Plan, order: Order, say: Say = lambda text: None) -> Restored:
    """Does it. Raises DamagedBackup before anything is touched; DatabaseUnavailable and ProgramFailed leave Postgres as
    it was; after RedisUnavailable the same call goes on where it stopped. LockHeld where another run is at work."""
    with tempfile.TemporaryDirectory(prefix="lomi-restore-") as room:
        files = {file: _fetched(handles.place, found.manifest, file, Path(room)) for file in _files(found.into)}
        done = Restored()
        _pause(handles, found, order, done)
        if found.database is not None:
            with record.exclusive(handles.database) as session:
                say(f"restoring Postgres {found.database.name}")
                _restore_database(handles, found, order, session, files[backup.DATABASE_FILE], done)
            _note(handles, found, order, "database", rows=done.rows)
        if found.queue is not None:
            say("restoring the queue")
            _begun(handles, found, order, "queue")
            done.queue = _restore_queue(handles, found.manifest, files[backup.QUEUE_FILE])
            _note(handles, found, order, "queue", elements=done.queue.elements, records=done.queue.records)
    return done


def _plan_database(session: Session, place: str, manifest: Manifest, source: Source) -> DatabasePlan:
    server = record.server(session)
    if server.major < manifest.database.major:
        text = f"the backup is of Postgres {manifest.database.version}, and the server at {place} is {server.version}"
        raise Refused(f"{text}: it would not understand all of it", hint="restore into a server that is not older")
    program = programs.pg_restore(server.version, manifest.database.dumped_by, source)
    found = record.counted(session)
    roles = record.roles_here(session, manifest.database.roles)
    strangers = tuple(role.name for role in roles if not (role.known and role.member))
    return DatabasePlan(
        where=place,
        name=server.name,
        program=program,
        tables=len(found),
        filled=_filled(found),
        owners=not strangers,
        missing_roles=strangers,
        extensions=record.extensions(session),
    )


def _filled(tables: Sequence[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows and table.name not in _BOOKKEEPING)


def _in_the_way(found: Plan) -> Iterator[str]:
    if found.database is not None and found.database.filled:
        largest = sorted(found.database.filled, key=lambda table: -table.rows)
        rows = ", ".join(f"{table.name} {table.said}" for table in largest[:_NAMED])
        more = f" and {len(largest) - _NAMED} more tables" if len(largest) > _NAMED else ""
        yield f"the database {found.database.name} at {found.database.where} would be replaced: {rows}{more}"
    if found.queue is not None and not found.queue.empty:
        now = f"{found.queue.waiting} waiting, {found.queue.running} running, {found.queue.dead} dead"
        yield f"the queue at {found.queue.where} is not empty: {now}; these stay, the backup's jobs come before them"


def _files(into: Into) -> tuple[str, ...]:
    files = {Into.POSTGRES: (backup.DATABASE_FILE,), Into.QUEUE: (backup.QUEUE_FILE,)}
    return files.get(into, (backup.DATABASE_FILE, backup.QUEUE_FILE))


def _fetched(place: Place, manifest: Manifest, file: str, room: Path) -> Path:
    path, part = place.fetch(manifest.name, file, room), manifest.part(file)
    if part is None or measure(path, file) != part:
        text = f"{file} of {manifest.name} is not what its manifest says; nothing was changed"
        raise DamagedBackup(text, hint="lomi backup list, for an older one; lomi backup verify says what is wrong")
    return path


def _pause(handles: Handles, found: Plan, order: Order, done: Restored) -> None:
    """Without Postgres' restore in sight a queue that cannot be paused is no reason to stop."""
    try:
        handles.queue.pause(order.actor, f"restored from the backup {found.manifest.name}")
        done.paused = True
    except RedisUnavailable as outage:
        if found.queue is not None:
            raise
        done.notes.append(f"the queue could not be paused: {outage.message}")


def _restore_database(
    handles: Handles, found: Plan, order: Order, session: Session, file: Path, done: Restored
) -> None:
    target, expected = found.database, found.manifest.database.tables
    assert target is not None
    if not target.filled and (late := _filled(record.counted(session))):
        names = ", ".join(table.name for table in late[:_NAMED])
        raise Refused(f"somebody has just written to {names} of {target.name}; nothing was changed")
    if any(table.name.startswith("lomi.") for table in expected):
        record.keep_schema_out_of_the_way(session)
    _begun(handles, found, order, "database")
    how = Restoring(replace=target.tables > 0, owners=target.owners, present=target.extensions)
    postgres.restore(target.program, handles.login, file, how, lambda name: record.waits(session, name))
    if not target.owners:
        names = ", ".join(target.missing_roles)
        done.notes.append(f"owners and grants were left out, for want of the roles {names}: grant anew what they need")
    now = {table.name: table.rows for table in record.counted(session)}
    done.rows, done.tables = sum(now.get(table.name, 0) for table in expected), len(expected)
    done.notes += [
        f"{table.name} has {now.get(table.name, 0)} rows, the backup {table.rows}: somebody writes to it already"
        for table in expected
        if now.get(table.name) != table.rows
    ]


def _restore_queue(handles: Handles, manifest: Manifest, file: Path) -> Written:
    keys = handles.queue.keys
    if manifest.queue.list != keys.ready:
        raise Refused(f"the backup is of the list {manifest.queue.list}, and this queue is {keys.ready}")

    def whole() -> Iterator[Page]:
        return pages.read(file)

    try:
        return write.put_back(handles.redis, keys, whole)
    except Damaged as damage:
        raise DamagedBackup(f"the queue of {manifest.name}: {damage}", hint="lomi backup verify") from damage


def _begun(handles: Handles, found: Plan, order: Order, subject: str) -> None:
    """In the audit as it is before: a database that is replaced has the one of the backup afterwards."""
    source = _source(handles, found)
    handles.journal.begun(order.actor, Action.RESTORE, subject, order.clock(), order.reason, before=source)


def _note(handles: Handles, found: Plan, order: Order, subject: str, **after: object) -> None:
    values = _source(handles, found) | after
    handles.journal.note(order.actor, Action.RESTORE, subject, order.clock(), order.reason, after=values)


def _source(handles: Handles, found: Plan) -> dict[str, object]:
    return {"backup": found.manifest.name, "from": handles.place.describe()}
