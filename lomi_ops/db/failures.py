"""psycopg's errors become ours here, once. What may pass is `DatabaseUnavailable`; the rest names its SQLSTATE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from lomi_ops.errors import DatabaseUnavailable, LomiError

_PASSING_CLASSES = frozenset({"08", "40", "53", "57", "58"})
"""Connection, rolled back (serialization, deadlock), resources, operator's doing (shutdown, timeout), system."""
_PASSING = frozenset({"25006", "25P03", "25P04", "55P03"})
"""A standby that took the place of the primary, a transaction that was silent or open for too long, a lock in use."""
_MIXED_UP = frozenset({"26000", "42P05"})
"""No such prepared statement, or one of that name already."""
_REVALIDATION = "RevalidateCachedQuery"
"""The server's function that says so. The SQLSTATE is that of all that is not supported, the message is translated."""
_SCHEMA_GAPS = frozenset({"3F000", "42P01", "42703"})
"""No such schema, table, column: the database is behind this program."""
_MISFIT_CLASSES = frozenset({"28", "3D", "3F", "42"})
"""Refused login, no such database, no such schema, and whatever a statement names that is not there or not allowed."""
_QUESTION = re.compile(r"\s+Is the server running [^?]*\?")
_NO_RIGHT = "42501"
_RIGHTS = "give the role its rights: docs/database.md has them for each part of lomi"


class DatabaseMisfit(LomiError):
    """The database is not what this program expects: rights or tables are missing. No value in the statement is to
    blame, so it would be the same for any job; a person has to mend it."""


@contextmanager
def translated(where: str, password: str) -> Iterator[None]:
    """Turns psycopg's errors from the body into ours. Texts name `where` and never hold the password."""
    try:
        yield
    except psycopg.Error as error:
        raise _ours(error, where, password) from error


def passing(error: psycopg.Error) -> bool:
    """True where the same statement may succeed later."""
    state = error.sqlstate
    if state is None:
        # Without a state the server never answered: libpq's own trouble with the connection.
        return isinstance(error, psycopg.OperationalError)
    return state[:2] in _PASSING_CLASSES or state in _PASSING or mixed_up(error) or outdated(error)


def mixed_up(error: psycopg.Error) -> bool:
    """True where a prepared statement is somebody else's: there is a pooler in between that was not noticed."""
    return error.sqlstate in _MIXED_UP


def outdated(error: psycopg.Error) -> bool:
    """True where a statement that this connection has prepared gives other columns since a migration."""
    return error.diag.source_function == _REVALIDATION


def _ours(error: psycopg.Error, where: str, password: str) -> LomiError:
    text = sentence(error)
    if password and error.sqlstate is None:
        text = text.replace(password, "***")
    if passing(error):
        return DatabaseUnavailable(f"Postgres at {where}: {text}", hint=_connection_hint(text))
    state = error.sqlstate
    hint = "lomi migrate apply" if state in _SCHEMA_GAPS else _RIGHTS if state == _NO_RIGHT else ""
    kind = DatabaseMisfit if state is not None and state[:2] in _MISFIT_CLASSES else LomiError
    return kind(f"Postgres at {where}: {text}" + (f" (SQLSTATE {state})" if state else ""), hint=hint)


def sentence(error: psycopg.Error) -> str:
    """The server's primary message without detail or context: those can quote rows. libpq asks a question, too."""
    text = error.diag.message_primary or _QUESTION.sub("", str(error))
    return " ".join(text.split()) or type(error).__name__


def _connection_hint(text: str) -> str:
    if "password" in text or "authentication" in text:
        return "check database.user and database.password"
    if "too many clients" in text or "connection slots" in text:
        return "raise max_connections, or see who holds the connections: psql -c 'SELECT * FROM pg_stat_activity'"
    if "SSL" in text or "certificate" in text:
        return "check database.ssl_mode: whether this server speaks TLS, and who signed its certificate"
    if "refused" in text or "resolve" in text or "translate host name" in text:
        return "check database.host and database.port, and whether Postgres runs"
    return ""
