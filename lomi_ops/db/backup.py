"""The database's part in backups: one moment to dump and to count, and what a server would take back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg

from lomi_ops.db.pool import Database, Session
from lomi_ops.db.queries import script
from lomi_ops.domain.backup import Table
from lomi_ops.errors import LockHeld

_DIGESTS = "contract/table_digests.sql"
_LOCK_TIMEOUT = "30s"
"""As pg_dump waits for a table that somebody is changing."""
UUID_EXTENSION = "uuid-ossp"


@dataclass(frozen=True, slots=True)
class Server:
    """What is at the other end."""

    version: str
    """`15.18`."""
    name: str
    """Of the database."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Role:
    """A role that a backup names, as another server has it."""

    name: str
    known: bool
    member: bool
    """Whether we may act as it."""


@contextmanager
def exclusive(db: Database) -> Iterator[Session]:
    """A session that holds the lock of backups and restores. Raises LockHeld at once where another run has it."""
    with db.session() as session:
        session.require_own("lomi backup")
        if not session.value("backup_try_lock"):
            text = "another `lomi backup` is at work on this database"
            raise LockHeld(text, hint="wait, and repeat; it ends with its process")
        try:
            yield session
        finally:
            # A connection that is lost has given the lock back already, and the error of the body is the one to show.
            with suppress(psycopg.OperationalError):
                session.value("backup_unlock")


@contextmanager
def snapshot(session: Session) -> Iterator[str]:
    """A transaction that sees one moment for as long as it is open; its name, for pg_dump to see the same one."""
    session.require_own("lomi backup")
    usual: dict[str, str] = session.all(dict, "backup_session_now")[0]
    limits = {"statement_timeout": "0", "lock_timeout": _LOCK_TIMEOUT, "idle_timeout": "0"}
    session.value("backup_session", **limits, isolation="repeatable read")
    try:
        with session.transaction():
            yield str(session.value("session_snapshot"))
    finally:
        with suppress(psycopg.OperationalError):
            session.value("backup_session", **usual)


def tables(session: Session, *, content: bool = True) -> tuple[Table, ...]:
    """Every table with its rows and, with `content`, a checksum of them, as the open transaction sees them."""
    session.value("backup_digest_mode", mode="content" if content else "rows")
    session.script(script(_DIGESTS))
    return tuple(session.all(Table, "backup_digests"))


def content(db: Database) -> tuple[Table, ...]:
    """The same at a moment of its own."""
    with db.session() as session, snapshot(session):
        return tables(session)


def counted(session: Session) -> tuple[Table, ...]:
    """Only the rows, at a moment of its own."""
    with snapshot(session):
        return tables(session, content=False)


def waits(session: Session, application: str) -> bool:
    """Whether a session of ours, of that application name, waits for somebody's lock."""
    return bool(session.value("backup_waits", application=application))


def server(session: Session) -> Server:
    return session.all(Server, "backup_server")[0]


def extensions(session: Session) -> tuple[str, ...]:
    return tuple(session.all(lambda name: str(name), "backup_extensions"))


def missing_extensions(session: Session, names: Sequence[str]) -> tuple[str, ...]:
    """Those that this server cannot create."""
    there = set(session.all(lambda name: str(name), "backup_extensions_available", names=list(names)))
    return tuple(name for name in names if name not in there)


def stand_in_for_uuid(session: Session) -> None:
    """The function that uuid-ossp would bring, for a server without it."""
    session.script(script("contract/uuid.sql"))


def keep_schema_out_of_the_way(session: Session) -> None:
    """What the migrations do first for a role that is called lomi; contract/search_path.sql says why."""
    session.script(script("contract/search_path.sql"))


def roles(session: Session) -> tuple[str, ...]:
    """Who owns something in this database, or was granted something."""
    return tuple(session.all(lambda name: str(name), "backup_roles"))


def roles_here(session: Session, names: Sequence[str]) -> tuple[Role, ...]:
    return tuple(session.all(Role, "backup_roles_here", names=list(names)))
