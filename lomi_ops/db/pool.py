"""One lazily opened handle on Postgres, shared by the threads of a process.

Connections are made by the thread that needs one, at most `size` at a time, and kept. There is no background thread
(a judging process may be forked beside us) and no waiting behind a timeout when the server says no: a refused
connection is an error within milliseconds, with the server's own words. A kept connection that the server has closed is
noticed without a round trip and replaced, so a restart of Postgres costs the caller nothing when it was idle and
one `DatabaseUnavailable` when it was not. A pooler in between is noticed, and nothing is left in its sessions
(`pooler.py`).

Whatever writes is held back from a schema that is too new for this program (`level.py`); reading never is.

A handle does not cross a fork: open it in the process that uses it. Do not ask for a second session inside a first.
"""

from __future__ import annotations

import math
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from lomi_ops.config.sections.services import DatabaseSection
from lomi_ops.db.clock import ServerClock
from lomi_ops.db.failures import mixed_up, outdated, translated
from lomi_ops.db.level import Gate
from lomi_ops.db.pooler import Pooler, met
from lomi_ops.db.queries import sql
from lomi_ops.db.session import Row, Session
from lomi_ops.errors import ConfigError, DatabaseUnavailable, LomiError

__all__ = ["LOCK_TIMEOUT_S", "Database", "Row", "Session", "conninfo_of", "parameters"]

LOCK_TIMEOUT_S = 5.0
"""Seconds that a statement waits for a row or table lock."""
IDLE_TRANSACTION_S = 15.0
"""Seconds after which the server ends a transaction whose client fell silent: a frozen worker (SIGSTOP, a VM that
stands still) must not keep its photos locked for longer than its lease lasts."""

PREPARED_AFTER = 2
"""Uses of a block on one connection, after which the server keeps it parsed, and planned where one plan fits."""

# A peer that vanished without a word is noticed after about 30 s, by an idle and by a sending connection alike.
_TCP = {"keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "30000"}


class Database:
    """The handle. Cheap to make: nothing is opened before the first statement."""

    def __init__(
        self,
        conninfo: str,
        *,
        application: str = "lomi",
        size: int = 1,
        connect_timeout_s: float = 5.0,
        statement_timeout_s: float = 30.0,
        prepares: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`conninfo` is a postgresql:// URL or libpq's `key=value` form; `prepares` is for programs that run the same
        few blocks again and again, and find rows by keys; `tell` hears once that the schema is newer than this
        program, which may write to it all the same. Raises ConfigError where the first is neither."""
        self._conninfo, self._password, self.where = _resolve(conninfo, application, connect_timeout_s)
        self._application, self._statement_timeout_s = application, statement_timeout_s
        self._timeouts = {
            "statement_timeout": _ms(statement_timeout_s),
            "lock_timeout": _ms(LOCK_TIMEOUT_S),
            "idle_timeout": _ms(IDLE_TRANSACTION_S),
        }
        self._patience_s = connect_timeout_s + statement_timeout_s
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[psycopg.Connection[Any]] = []
        self._guard = threading.Lock()
        self._closed = False
        self._pooler: Pooler | None = None
        self._prepares = prepares
        self._clock = ServerClock(lambda: self.value("server_clock"))
        self._gate = Gate(tell)

    @classmethod
    def from_section(
        cls,
        section: DatabaseSection,
        *,
        application: str = "lomi",
        size: int | None = None,
        prepares: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> Database:
        """From settings. Raises ConfigError that lists what is missing."""
        return cls(
            conninfo_of(section),
            application=application,
            size=size or section.pool_size,
            connect_timeout_s=section.connect_timeout_s,
            statement_timeout_s=section.statement_timeout_s,
            prepares=prepares,
            tell=tell,
        )

    @property
    def recipe(self) -> tuple[str, str, float]:
        """How another process makes the same handle: by `again`. The password is in it."""
        return self._conninfo, self._application, self._statement_timeout_s

    @classmethod
    def again(cls, recipe: tuple[str, str, float]) -> Database:
        conninfo, application, statement_timeout_s = recipe
        return cls(conninfo, application=application, statement_timeout_s=statement_timeout_s)

    def __repr__(self) -> str:
        return f"Database({self.where})"

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection for statements that commit by themselves.

        Raises DatabaseUnavailable for what may pass (no connection, timeouts, a restart, a serialization failure) and
        LomiError with the SQLSTATE for the rest, whatever the body did with the session.
        """
        with translated(self.where, self._password), self._lent() as connection:
            yield Session(connection, self._gate, self._pooler)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A connection inside one transaction: committed at the end, rolled back when the body raises."""
        with self.session() as session, session.transaction():
            yield session

    @contextmanager
    def beside(self, snapshot: str) -> Iterator[Session]:
        """One connection more than the handle keeps, in a transaction that reads what the one reads that exported the
        snapshot."""
        with translated(self.where, self._password), closing(self._connect()) as connection:
            session = Session(connection, self._gate, self._pooler)
            with session.snapshot(snapshot):
                yield session

    def all(self, row: Callable[..., Row], block: str, /, **values: Any) -> list[Row]:
        """One block on a session of its own; see `Session.all`."""
        with self.session() as session:
            return session.all(row, block, **values)

    def one(self, row: Callable[..., Row], block: str, /, **values: Any) -> Row | None:
        """One block on a session of its own; see `Session.one`."""
        with self.session() as session:
            return session.one(row, block, **values)

    def value(self, block: str, /, **values: Any) -> Any:
        """One block on a session of its own; see `Session.value`."""
        with self.session() as session:
            return session.value(block, **values)

    def run(self, block: str, /, **values: Any) -> int:
        """One block on a session of its own; see `Session.run`."""
        with self.session() as session:
            return session.run(block, **values)

    def ping(self) -> str:
        """The server's version, e.g. `15.14`; a round trip."""
        return str(self.value("server_version"))

    def now(self) -> datetime:
        """The server's time, asked once a minute: for whatever is written here or compared with it."""
        return self._clock.now()

    def close(self) -> None:
        """Closes what is idle; a connection in use is closed when it comes back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _lent(self) -> Iterator[psycopg.Connection[Any]]:
        if not self._free.acquire(timeout=self._patience_s):
            raise DatabaseUnavailable(f"all connections to {self.where} have been busy for {self._patience_s:.0f} s")
        try:
            connection = self._take() or self._connect()
            try:
                yield connection
            except psycopg.Error as error:
                self._prepares = self._prepares and not mixed_up(error)
                if mixed_up(error) or outdated(error):
                    connection.close()  # it would say so again
                raise
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def _take(self) -> psycopg.Connection[Any] | None:
        while True:
            with self._guard:
                if self._closed:
                    raise LomiError(f"the handle on {self.where} is closed")
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if _quiet(connection):
                return connection
            connection.close()

    def _give_back(self, connection: psycopg.Connection[Any]) -> None:
        if connection.info.transaction_status is TransactionStatus.IDLE:
            with self._guard:
                if not self._closed:
                    self._idle.append(connection)
                    return
        connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        connection = self._open()
        try:
            self._pooler = met(connection, self._timeouts, self._open)
            if self._prepares and self._pooler is None:
                connection.execute(sql("session_by_keys"))
                connection.prepare_threshold = PREPARED_AFTER
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> psycopg.Connection[Any]:
        # No prepared statements yet: behind a transaction-pooling PgBouncer they belong to somebody else's connection.
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)


def conninfo_of(section: DatabaseSection) -> str:
    """libpq's connection string from settings, password included. Raises ConfigError that lists what is missing."""
    if section.url is not None:
        return section.url.get_secret_value()
    wanted = {"host": section.host, "user": section.user, "name": section.name}
    problems = [f"database.{key} is not set" for key, value in wanted.items() if not value]
    if problems:
        raise ConfigError("the database is not fully configured", problems=problems)
    return make_conninfo(
        host=section.host,
        port=section.port,
        user=section.user,
        password=section.password.get_secret_value() if section.password else None,
        dbname=section.name,
        sslmode=section.ssl_mode,
    )


def _resolve(conninfo: str, application: str, connect_timeout_s: float) -> tuple[str, str, str]:
    """The completed connection string, the password in it, and `host:port/name` for texts."""
    given = parameters(conninfo)
    defaults = {**_TCP, "application_name": application, "connect_timeout": str(max(2, math.ceil(connect_timeout_s)))}
    where = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
    return make_conninfo("", **(defaults | given)), str(given.get("password") or ""), where


def parameters(conninfo: str) -> dict[str, Any]:
    """The parts of a connection string, password included. Raises ConfigError where it is none."""
    try:
        return dict(conninfo_to_dict(conninfo))
    except psycopg.Error:
        # libpq quotes the whole string in its complaint, so neither its text nor the chain may be kept.
        raise ConfigError(
            "the database URL cannot be read", hint="write postgresql://user:password@host:5432/name"
        ) from None


def _quiet(connection: psycopg.Connection[Any]) -> bool:
    """False where an idle connection has something to read: the server's farewell, or its end."""
    if connection.closed:
        return False
    readable = select.poll()
    readable.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return not readable.poll(0)


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
