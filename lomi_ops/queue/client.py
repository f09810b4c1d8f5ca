"""The one place that makes Redis clients, and the one place where their errors become ours.

redis-py's own defaults lose jobs: it sends a command again whose reply was lost, and the second one takes a second job;
and its five-second timeout fires inside a longer blocking call. So a client for the queue never retries by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from pydantic import SecretStr
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.errors import ConfigError, RedisUnavailable
from lomi_ops.queue import odd_answers
from lomi_ops.queue.sentinels import Sentinels

BLOCK_MARGIN_S = 3.0
"""A socket must wait this much longer than the server blocks."""
HEALTH_CHECK_S = 15
"""An idle connection is pinged before its next use."""
READ_RETRIES = 2
OLDEST_SERVER = (6, 2)
"""BLMOVE is younger than 6.0."""
URL_OPTIONS = frozenset({"host", "port", "db", "username", "password", "path", "connection_class"})


def queue_client(section: RedisSection) -> redis.Redis:
    """For scripts and every other change: never repeats a command, the caller decides. Bytes in, bytes out."""
    return _client(section, timeout_s=section.timeout_s, retry=_no_retry())


def doorbell_client(section: RedisSection) -> redis.Redis:
    """For the blocking wait alone, so that it never starves a beat."""
    timeout = max(section.timeout_s, section.doorbell_s + BLOCK_MARGIN_S)
    return _client(section, timeout_s=timeout, retry=_no_retry())


def read_client(section: RedisSection) -> redis.Redis:
    """For reading commands only: these may be sent again."""
    return _client(
        section, timeout_s=section.timeout_s, retry=Retry(ExponentialWithJitterBackoff(0.5, 0.05), READ_RETRIES)
    )


def _client(section: RedisSection, *, timeout_s: float, retry: Retry) -> redis.Redis:
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": section.connect_timeout_s,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_S,
        "retry": retry,
        "decode_responses": False,
        "protocol": 2,
    }
    if section.sentinels and section.url is None:
        return _by_sentinel(section, options)
    return redis.Redis(**_address(section), **options)


def _by_sentinel(section: RedisSection, options: dict[str, Any]) -> redis.Redis:
    """Each new connection asks the Sentinels anew where the primary is."""
    tls = _tls(section) if section.tls else {}
    sentinels = Sentinels(
        section.sentinel_addresses(),
        options
        | {"username": section.sentinel_username, "password": _secret(section.sentinel_password)}
        # Asked once per connection and closed: a dead Sentinel must not hold up the next one.
        | {"socket_timeout": section.connect_timeout_s, "retry": _no_retry(), "health_check_interval": 0}
        | tls,
    )
    pool = SentinelConnectionPool(
        section.sentinel_service, sentinels, db=section.db, **_login(section), **options, **tls
    )  # type: ignore[no-untyped-call]
    return redis.Redis.from_pool(pool)


def _no_retry() -> Retry:
    return Retry(NoBackoff(), 0)


def _address(section: RedisSection) -> dict[str, Any]:
    """Where to connect and as whom. A URL says only that: how to wait and retry is not its business."""
    if section.url is not None:
        return _from_url(section.url.get_secret_value()) | {
            name: value for name, value in _tls(section).items() if name != "ssl"
        }
    if not section.host:
        raise ConfigError("redis.host, redis.url or redis.sentinels is not set", hint="lomi config show")
    address: dict[str, Any] = {"host": section.host, "port": section.port, "db": section.db} | _login(section)
    return address | (_tls(section) if section.tls else {})


def _login(section: RedisSection) -> dict[str, Any]:
    login = {"username": section.username or None, "password": _secret(section.password)}
    return {name: value for name, value in login.items() if value is not None}


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def _tls(section: RedisSection) -> dict[str, Any]:
    files = {
        "ssl_ca_certs": section.tls_ca,
        "ssl_certfile": section.tls_cert,
        "ssl_keyfile": section.tls_key,
    }
    return {"ssl": True} | {name: str(path) for name, path in files.items() if path is not None}


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


def takes_anybody(section: RedisSection) -> bool:
    """Whether the server serves somebody who gives neither user nor password. Raises RedisUnavailable where it gives no
    answer at all."""
    client = _client(section, timeout_s=section.timeout_s, retry=_no_retry())
    client.connection_pool.connection_kwargs |= {"username": None, "password": None}
    try:
        client.ping()
    except redis.RedisError as error:
        if odd_answers.word(error) in ("NOAUTH", "WRONGPASS", "NOPERM") or "DENIED" in str(error):
            return False
        raise unavailable(client, "a caller without a password", error) from error
    finally:
        client.close()
    return True


def where(client: redis.Redis) -> str:
    """The server's address for messages; never the user or the password."""
    pool, options = client.connection_pool, client.connection_pool.connection_kwargs
    if isinstance(pool, SentinelConnectionPool):
        address = pool.master_address
        return f"{address[0]}:{address[1]} ({pool.service_name})" if address else f"the primary of {pool.service_name}"
    if "path" in options:
        return f"{options['path']}"
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


def call(client: redis.Redis, *command: str | bytes | int | float) -> Any:
    """One command as it is, its reply as it comes. Not guarded."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


@contextmanager
def guarded(client: redis.Redis, what: str) -> Iterator[None]:
    """Turns whatever redis-py raises into RedisUnavailable, once."""
    try:
        yield
    except redis.RedisError as error:
        if odd_answers.elsewhere(error):
            # A demoted primary answers for ever; behind the name, or at the Sentinels, there may be another one by now.
            client.connection_pool.disconnect(inuse_connections=False)
        raise unavailable(client, what, error) from error


def unavailable(client: redis.Redis, what: str, error: redis.RedisError) -> RedisUnavailable:
    """Our error for one of redis-py's: what was asked of whom, what it said, without the password."""
    password = client.connection_pool.connection_kwargs.get("password")
    said = odd_answers.text(error)
    if password:
        said = said.replace(str(password), "***")
    return RedisUnavailable(f"Redis at {where(client)} did not serve {what}: {said}", hint=odd_answers.hint(error))


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
    replica: bool = False


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
        replica=info.get("role") == "slave",
    )


def require_fit(client: redis.Redis) -> Server:
    """The server, if a queue may live on it. Raises ConfigError with the fix; RedisUnavailable where it cannot be asked
    or is a replica, for which of two servers is the primary may change at any moment."""
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
    if server.replica:
        client.connection_pool.disconnect(inuse_connections=False)
        raise RedisUnavailable(f"Redis at {where(client)} is a replica", hint=odd_answers.HINTS["READONLY"])
    return server
