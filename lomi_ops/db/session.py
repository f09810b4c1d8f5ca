"""One connection in somebody's hands: named blocks on it, transactions, locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import kwargs_row

from lomi_ops.db.level import Gate
from lomi_ops.db.pooler import Pooler, first
from lomi_ops.db.queries import Statement, sql, statement
from lomi_ops.errors import Refused

Row = TypeVar("Row")

STREAMED = 2000
"""Rows of a long result that are on their way at once."""
_TOLD_S = 2.0


class Session:
    """One connection in somebody's hands. Outside `transaction()` each statement commits by itself.

    A block that writes raises SchemaTooNew where the schema says that this program must not.
    """

    def __init__(self, connection: psycopg.Connection[Any], gate: Gate, pooler: Pooler | None = None) -> None:
        self._connection = connection
        self._gate = gate
        self._pooler = pooler

    def all(self, row: Callable[..., Row], block: str, /, **values: Any) -> list[Row]:
        """Runs a named block and builds one `row` from each result row, its columns as keywords."""
        sent = self._admitted(block)
        with self._placed(), psycopg.RawCursor(self._connection, row_factory=kwargs_row(row)) as cursor:
            return cursor.execute(sent.text, sent.ordered(values)).fetchall()

    def stream(self, row: Callable[..., Row], block: str, /, **values: Any) -> Iterator[Row]:
        """The same rows as they come, never all of them in memory: for results too long to hold. Inside
        `transaction()` only."""
        sent = self._admitted(block)
        with psycopg.RawServerCursor(self._connection, "lomi_stream", row_factory=kwargs_row(row)) as cursor:
            cursor.itersize = STREAMED
            yield from cursor.execute(sent.text, sent.ordered(values))

    def one(self, row: Callable[..., Row], block: str, /, **values: Any) -> Row | None:
        """The first result row, or None."""
        rows = self.all(row, block, **values)
        return rows[0] if rows else None

    def value(self, block: str, /, **values: Any) -> Any:
        """The first column of the first result row, or None."""
        sent = self._admitted(block)
        with self._placed(), psycopg.RawCursor(self._connection) as cursor:
            return first(cursor.execute(sent.text, sent.ordered(values)))

    def run(self, block: str, /, **values: Any) -> int:
        """Runs a named block for its effect; the number of rows that it hit."""
        sent = self._admitted(block)
        with self._placed(), psycopg.RawCursor(self._connection) as cursor:
            return cursor.execute(sent.text, sent.ordered(values)).rowcount

    def shown(self, block: str, /, **values: Any) -> str:
        """A named block as it would be sent, its values written out. Runs nothing."""
        return psycopg.ClientCursor(self._connection).mogrify(sql(block), values)

    def script(self, text: LiteralString) -> None:
        """Runs a file of DDL: several statements, no parameters. Only text that `queries.script` read."""
        self._connection.execute(text)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        outermost = self._idle
        with self._connection.transaction():
            if outermost and self._pooler is not None:
                self._pooler.limit(self._connection)
            yield

    @contextmanager
    def snapshot(self, of: str | None = None) -> Iterator[None]:
        """A transaction that only reads, all of it as of its first statement; or as of one that exported its name,
        and lasts."""
        connection = self._connection
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        try:
            with self.transaction():
                if of is not None:
                    psycopg.ClientCursor(connection).execute("SET TRANSACTION SNAPSHOT %s", [of])
                yield
        finally:
            if self._idle:
                connection.isolation_level, connection.read_only = None, None

    @contextmanager
    def locked(self, take: str, give_back: str, /, **values: Any) -> Iterator[bool]:
        """Holds the lock that the block `take` takes and `give_back` gives back, and that ends with this process;
        False where somebody else has it."""
        if self._pooler is not None:
            with self._pooler.beside() as other:
                self._admitted(take)
                yield bool(first(other.execute(sql(take), {**values, "transaction": True})))
            return
        ours = bool(self.value(take, **values, transaction=False))
        try:
            yield ours
        finally:
            if ours:
                # A connection that is lost has given the lock back, and the error of the body is the one to show.
                with suppress(psycopg.OperationalError):
                    self.value(give_back, **values)

    def require_own(self, command: str) -> None:
        """Raises Refused behind a pooler, for a command that needs one process of the server for itself."""
        if self._pooler is not None:
            raise Refused(
                f"between here and the database is a connection pooler, behind which `{command}` cannot work",
                hint=f"LOMI_DATABASE_URL=postgresql://... {command}, with host and port of the server itself",
            )

    @property
    def pooled(self) -> bool:
        """Whether a pooler stands in between."""
        return self._pooler is not None

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return self._connection.closed

    def cancel(self) -> None:
        """Ends the statement that another thread waits for, if the server can be told within seconds."""
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=_TOLD_S)

    def admit(self) -> None:
        """Raises SchemaTooNew where this program must not write. Blocks that write ask by themselves."""
        self._gate.admit(self)

    @property
    def _idle(self) -> bool:
        return self._connection.info.transaction_status is TransactionStatus.IDLE

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Where one statement runs: outside a transaction a pooler might give it somebody else's limits and path."""
        if self._pooler is None or not self._idle:
            yield
            return
        with self.transaction():
            yield

    def _admitted(self, name: str) -> Statement:
        found = statement(name)
        if found.writes:
            self._gate.admit(self)
        return found
