"""The one place that makes Redis clients, and the one place where their errors become ours.

redis-py's own defaults lose jobs: it sends a command again whose reply was lost, and the second one takes a second job;
and its five-second timeout fires inside a longer blocking call. So a client for the queue never retries by itself.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from lomi_ops.config.schema import RedisSection
from lomi_ops.errors import ConfigError, RedisUnavailable

BLOCK_MARGIN_S = 3.0
"""A socket must wait this much longer than the server blocks."""
HEALTH_CHECK_S = 15
"""An idle connection is pinged before its next use."""
READ_RETRIES = 2
FRESH_S = 0.05
"""A connection that was used so recently is taken for alive: no server restarts in less."""
OLDEST_SERVER = (6, 2)
"""BLMOVE is younger than 6.0."""
URL_OPTIONS = frozenset({"host", "port", "db", "username", "password", "path", "connection_class"})


def queue_client(section: RedisSection) -> redis.Redis:
    """For scripts and every other change: never repeats a command, the caller decides. Bytes in, bytes out."""
    return _client(section, timeout_s=section.timeout_s, retry=Retry(NoBackoff(), 0))


def doorbell_client(section: RedisSection) -> redis.Redis:
    """For the blocking wait alone, so that it never starves a beat."""
    timeout = max(section.timeout_s, section.doorbell_s + BLOCK_MARGIN_S)
    return _client(section, timeout_s=timeout, retry=Retry(NoBackoff(), 0))


def read_client(section: RedisSection) -> redis.Redis:
    """For reading commands only: these may be sent again."""
    return _client(
        section, timeout_s=section.timeout_s, retry=Retry(ExponentialWithJitterBackoff(0.5, 0.05), READ_RETRIES)
    )


def _client(section: RedisSection, *, timeout_s: float, retry: Retry) -> redis.Redis:
    return redis.Redis(
        **_address(section),
        socket_timeout=timeout_s,
        socket_connect_timeout=section.connect_timeout_s,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        retry=retry,
        decode_responses=False,
        protocol=2,
    )


def _address(section: RedisSection) -> dict[str, Any]:
    """Where to connect and as whom. A URL says only that: how to wait and retry is not its business."""
    if section.url is not None:
        return _from_url(section.url.get_secret_value()) | _tls_ca(section)
    if not section.host:
        raise ConfigError("redis.host or redis.url is not set", hint="lomi config show")
    address: dict[str, Any] = {"host": section.host, "port": section.port, "db": section.db}
    if section.username:
        address["username"] = section.username
    if section.password is not None:
        address["password"] = section.password.get_secret_value()
    return address | ({"ssl": True} | _tls_ca(section) if section.tls else {})


def _tls_ca(section: RedisSection) -> dict[str, Any]:
    return {} if section.tls_ca is None else {"ssl_ca_certs": str(section.tls_ca)}


def _from_url(url: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError:
        # Its text may quote a piece of the password: from None.
        raise ConfigError(
            "redis.url is not a redis://, rediss:// or unix:// URL",
            hint="percent-encode special characters of the password: / is %2F, # is %23, @ is %40",
        ) from None
    foreign = sorted(name for name in set(parsed) - URL_OPTIONS if not name.startswith("ssl_"))
    if foreign:
        raise ConfigError(f"redis.url sets {', '.join(foreign)}: lomi sets that itself")
    parsed.pop("connection_class", None)
    if "path" in parsed:
        parsed["unix_socket_path"] = parsed.pop("path")
    if url.startswith("rediss://"):
        parsed["ssl"] = True
    return parsed


def where(client: redis.Redis) -> str:
    """The server's address for messages; never the user or the password."""
    options = client.connection_pool.connection_kwargs
    if "path" in options:
        return f"{options['path']}"
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


def call(client: redis.Redis, *command: str | bytes | int | float) -> Any:
    """One command as it is, its reply as it comes. Not guarded."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


class Line:
    """Sends packed commands over connections that stay at hand, one for each thread that asks at the same time.

    A quarter of redis-py's own time for a short command, which it spends on its pool, on packing, and on asking the
    socket before each command whether the server has hung up. That is asked here only after a pause. Safe from any
    thread; not guarded.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._pool = client.connection_pool
        self._idle: deque[tuple[float, int, Any]] = deque()
        """When a connection was used last, by which process."""

    def ask(self, command: bytes) -> Any:
        """The reply to one command. An error that the server answers leaves the connection in order; after any other
        one, which may leave half a reply behind, it is closed, and so are those that lie idle: they lead to the same
        server."""
        connection = self._take()
        try:
            connection.send_packed_command([command])
            reply = connection.read_response()
        except redis.ResponseError as error:
            self._idle.append((time.monotonic(), os.getpid(), connection))
            if isinstance(error, redis.ReadOnlyError):
                self._hang_up()
            raise
        except BaseException:
            self._drop(connection)
            self._hang_up()
            raise
        self._idle.append((time.monotonic(), os.getpid(), connection))
        return reply

    def _take(self) -> Any:
        """The one used last. After a pause by way of the pool, which notices a connection that was closed meanwhile."""
        try:
            used, process, connection = self._idle.pop()
        except IndexError:
            return self._pool.get_connection()
        if process != os.getpid():
            # The parent's: only it may use or close it.
            self._idle.clear()
            return self._pool.get_connection()
        if time.monotonic() - used < FRESH_S:
            return connection
        self._pool.release(connection)
        return self._pool.get_connection()

    def _hang_up(self) -> None:
        while self._idle:
            self._drop(self._idle.pop()[2])

    def _drop(self, connection: Any) -> None:
        connection.disconnect()
        self._pool.release(connection)


@contextmanager
def guarded(client: redis.Redis, what: str) -> Iterator[None]:
    """Turns whatever redis-py raises into RedisUnavailable, once."""
    try:
        yield
    except redis.ReadOnlyError as error:
        # A demoted primary answers so for ever; the name may lead to the new one.
        client.connection_pool.disconnect(inuse_connections=False)
        raise unavailable(client, what, error) from error
    except redis.RedisError as error:
        raise unavailable(client, what, error) from error


def unavailable(client: redis.Redis, what: str, error: redis.RedisError) -> RedisUnavailable:
    """Our error for one of redis-py's: what was asked of whom, what it said, without the password."""
    said = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    password = client.connection_pool.connection_kwargs.get("password")
    if password:
        said = said.replace(str(password), "***")
    return RedisUnavailable(f"Redis at {where(client)} did not serve {what}: {said}", hint=_hint(error))


def _hint(error: redis.RedisError) -> str:
    match error:
        case redis.AuthenticationError() | redis.exceptions.AuthenticationWrongNumberOfArgsError():
            return "check redis.username and redis.password"
        case redis.exceptions.NoPermissionError():
            return "the ACL of this user lacks a command or a key"
        case redis.exceptions.OutOfMemoryError():
            return "Redis is full: raise maxmemory, or see `lomi queue stats`"
        case redis.ReadOnlyError():
            return "this is a replica: point redis.host at the primary"
        case _ if "WRONGTYPE" in str(error):
            return "another program uses one of the queue's keys for something else"
        case _:
            return "lomi check"


@dataclass(frozen=True, slots=True)
class Server:
    """What is at the other end."""

    name: str
    """`redis` or `valkey`."""
    version: str
    maxmemory: int
    """Bytes; 0 for no limit."""
    policy: str
    """`maxmemory-policy`."""
    appendonly: bool


def inspect(client: redis.Redis) -> Server:
    """Ask the server about itself. Raises RedisUnavailable."""
    with guarded(client, "INFO"):
        info: dict[str, Any] = client.info()
    name = str(info.get("server_name", "redis"))
    return Server(
        name=name,
        version=str(info.get(f"{name}_version") or info.get("redis_version", "0")),
        maxmemory=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "unknown")),
        appendonly=bool(info.get("aof_enabled", 0)),
    )


def require_fit(client: redis.Redis) -> Server:
    """The server, if a queue may live on it. Raises ConfigError with the fix, RedisUnavailable."""
    server = inspect(client)
    parts = tuple(int(part) for part in server.version.split(".")[:2] if part.isdigit())
    if parts < OLDEST_SERVER:
        raise ConfigError(
            f"Redis at {where(client)} is version {server.version}; the queue needs 6.2 or later, or Valkey",
            hint="upgrade the server: image redis:7-alpine or valkey/valkey:8-alpine",
        )
    if server.policy not in ("noeviction", "unknown"):
        raise ConfigError(
            f"Redis at {where(client)} has maxmemory-policy {server.policy}: it would throw jobs away when it is full",
            hint="redis-cli CONFIG SET maxmemory-policy noeviction (and in its configuration file)",
        )
    return server
