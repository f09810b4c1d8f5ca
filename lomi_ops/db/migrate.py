"""Forward-only migrations of the schema `lomi`, and the six columns of `media` as a step of its own.

Every file of `sql/migrations` runs in its own transaction and is recorded with its checksum. `media` and `users`
belong to the backend: no migration touches them; `apply_media_columns` does, and only when it is asked to.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import LiteralString

from lomi_ops.db.pool import Database, Session
from lomi_ops.db.queries import script, sql_folder
from lomi_ops.errors import LockHeld, LomiError, NotFound, Refused

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_WAIT_S = 60.0
"""How long a run waits for another one."""
_LOCK_TIMEOUT = "5s"
"""A migration that queues for a table makes everybody behind it queue too."""
_CHUNK = 5_000

MEDIA_COLUMNS = (
    "moderation_status",
    "moderation_reason",
    "moderated_at",
    "moderation_scores",
    "retry_count",
    "batch_id",
)
MEDIA_INDEXES = ("idx_media_moderation_status", "idx_media_batch_id")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    checksum: str
    """sha256 of the file, in hex."""

    @property
    def path(self) -> str:
        return f"migrations/{self.version:04}_{self.name}.sql"


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database remembers it."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class MediaState:
    """What `media` lacks of the moderation migration."""

    exists: bool
    missing_columns: tuple[str, ...]
    missing_indexes: tuple[str, ...]
    invalid_indexes: tuple[str, ...]
    """Left behind by an interrupted run; also counted as missing."""

    @property
    def complete(self) -> bool:
        return self.exists and not self.missing_columns and not self.missing_indexes


@dataclass(frozen=True, slots=True)
class MigrationState:
    """What a database has, against what this program knows."""

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    altered: tuple[str, ...]
    """Applied files whose text is not the one that ran."""
    newer: tuple[str, ...]
    """Applied migrations that this program does not know."""
    media: MediaState

    @property
    def version(self) -> int:
        """0 for a database without the schema."""
        return max((entry.version for entry in self.applied), default=0)

    @property
    def current(self) -> bool:
        """True where there is nothing to apply and nothing to worry about in the schema `lomi`."""
        return not (self.pending or self.altered or self.newer)


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration of this program, in order. Raises LomiError for a gap or a misnamed file."""
    found = []
    for file in sorted(sql_folder().joinpath("migrations").iterdir(), key=lambda entry: entry.name):
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise LomiError(f"{file.name} is not the name of a migration")
        found.append(Migration(int(match[1]), match[2], hashlib.sha256(file.read_bytes()).hexdigest()))
    if [entry.version for entry in found] != list(range(1, len(found) + 1)):
        raise LomiError("the migrations are not numbered 1, 2, 3 …")
    return tuple(found)


def state(db: Database) -> MigrationState:
    """What is applied, pending, altered and newer. Reads only; works without the schema."""
    with db.session() as session:
        return _state(session)


def apply(db: Database) -> tuple[Migration, ...]:
    """Applies what is pending and returns it; nothing to do is fine.

    Each file is one transaction, so an error leaves the earlier ones applied. A role named `lomi` gets its search path
    pinned to what it is today (`contract/search_path.sql` says why). Raises Refused for a database that is
    newer than this program or whose applied files were altered, LockHeld when another run takes longer than a minute.
    """
    with exclusive(db) as session:
        return apply_on(session)


def apply_media_columns(db: Database) -> MediaState:
    """Adds the six columns and two indexes of the moderation migration where they are missing, and gives rows from
    before it the status that `is_approved` means. Returns what was missing before.

    The columns are a change of the catalogue, the indexes are built concurrently, the rows change in chunks: the app
    is never blocked for long. Safe to repeat after any interruption. Raises NotFound where there is no `media`.
    """
    with exclusive(db) as session:
        return apply_media_columns_on(session)


@contextmanager
def exclusive(db: Database) -> Iterator[Session]:
    """A session that holds the migration lock. Raises LockHeld after a minute."""
    with db.session() as session:
        deadline = time.monotonic() + _WAIT_S
        # Polling, not waiting in the server: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY of
        # the run that has the lock waits for every older snapshot. The two would wait for each other.
        while not session.value("migration_try_lock"):
            if time.monotonic() >= deadline:
                raise LockHeld("another run is migrating this database")
            time.sleep(0.05)
        try:
            yield session
        finally:
            session.value("migration_unlock")


def apply_on(session: Session) -> tuple[Migration, ...]:
    """`apply` on a session that holds the lock."""
    found = _state(session)
    if found.newer:
        raise Refused(
            f"the database has {', '.join(found.newer)}, which this version of lomi does not know",
            hint="install the newer lomi",
        )
    if found.altered:
        raise Refused(f"{', '.join(found.altered)} ran with another text than this version of lomi has")
    _in_transaction(session, "contract/search_path.sql")
    if not found.applied:
        _in_transaction(session, "contract/schema_migrations.sql")
    for migration in found.pending:
        _in_transaction(session, migration.path, migration)
    return found.pending


def apply_media_columns_on(session: Session) -> MediaState:
    """`apply_media_columns` on a session that holds the lock."""
    before = _media_state(session)
    if not before.exists:
        raise NotFound("there is no table media in this database", hint="check database.name: it is the backend's")
    if before.missing_columns:
        _in_transaction(session, "contract/media_columns.sql")
    _build_indexes(session, before)
    while _backfill(session):
        pass
    return before


def _build_indexes(session: Session, before: MediaState) -> None:
    if not before.missing_indexes:
        return
    usual: dict[str, str] = session.all(dict, "session_limits_now")[0]
    session.value("session_limits", statement_timeout="0", lock_timeout="0")
    try:
        for index in before.missing_indexes:
            if index in before.invalid_indexes:
                session.script(script(f"contract/drop_{index}.sql"))
            session.script(script(f"contract/{index}.sql"))
    finally:
        session.value("session_limits", **usual)


def _backfill(session: Session) -> int:
    with session.transaction():
        _relax(session)
        return session.run("media_backfill", chunk=_CHUNK)


def _in_transaction(session: Session, path: str, migration: Migration | None = None) -> None:
    text: LiteralString = script(path)
    with session.transaction():
        _relax(session)
        session.script(text)
        if migration:
            session.run("migration_record", version=migration.version, name=migration.name, checksum=migration.checksum)


def _relax(session: Session) -> None:
    session.value("migration_limits", statement_timeout="0", lock_timeout=_LOCK_TIMEOUT)


def _state(session: Session) -> MigrationState:
    recorded = session.value("has_table", name="lomi.schema_migrations")
    applied = session.all(Applied, "migrations_applied") if recorded else []
    known = {entry.version: entry for entry in migrations()}
    seen = {entry.version for entry in applied}
    return MigrationState(
        applied=tuple(applied),
        pending=tuple(entry for entry in migrations() if entry.version not in seen),
        altered=tuple(
            known[entry.version].path
            for entry in applied
            if entry.version in known and known[entry.version].checksum != entry.checksum
        ),
        newer=tuple(f"{entry.version:04}_{entry.name}" for entry in applied if entry.version not in known),
        media=_media_state(session),
    )


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    valid: bool


def _media_state(session: Session) -> MediaState:
    columns = session.all(lambda name: str(name), "media_columns")
    indexes = session.all(_Index, "media_indexes")
    usable = {index.name for index in indexes if index.valid}
    return MediaState(
        exists=bool(columns),
        missing_columns=tuple(name for name in MEDIA_COLUMNS if name not in columns),
        missing_indexes=tuple(name for name in MEDIA_INDEXES if name not in usable),
        invalid_indexes=tuple(index.name for index in indexes if not index.valid and index.name in MEDIA_INDEXES),
    )
