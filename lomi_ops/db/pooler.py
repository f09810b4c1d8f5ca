"""What changes behind a pooler that lends a process of the server for one transaction, as PgBouncer does in its
transaction mode.

What a session sets is found by whoever gets that process next, and what it locks is locked by nobody. So limits and
search path are set anew in each transaction, and every statement is in one; a lock that outlasts a transaction is held
by an open one on a connection beside. A pooler is known by telling its clients another process than the one that
answers them; in session mode it is treated like that, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from lomi_ops.db.queries import sql

_Connection = psycopg.Connection[Any]
_NEVER = "0"


class Pooler:
    def __init__(self, limits: Mapping[str, str], connect: Callable[[], _Connection]) -> None:
        """`connect` opens one connection more, whose owner closes it."""
        self._limits = dict(limits)
        self._connect = connect

    def limit(self, connection: _Connection) -> None:
        """Sets limits and search path of the transaction that has begun."""
        connection.execute(sql("session_settings"), {**self._limits, "told_pid": 0})

    @contextmanager
    def beside(self) -> Iterator[_Connection]:
        """A transaction on a connection of its own that may stand idle for as long as its process lives."""
        with self._connect() as connection, connection.transaction():
            connection.execute(sql("session_settings"), {**self._limits, "idle_timeout": _NEVER, "told_pid": 0})
            yield connection


def met(connection: _Connection, limits: Mapping[str, str], connect: Callable[[], _Connection]) -> Pooler | None:
    """Sets the limits of a new connection; the pooler that is found in between."""
    row = connection.execute(sql("session_settings"), {**limits, "told_pid": connection.info.backend_pid}).fetchone()
    return Pooler(limits, connect) if row is not None and row[-1] else None


def first(cursor: psycopg.Cursor[Any]) -> Any:
    """The first column of the first row, or None."""
    row = cursor.fetchone()
    return row[0] if row else None
