"""The server that holds the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lomi_ops.domain.check import CheckSpec, Found, Metric, Severity, Status
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.words import below, percent
from lomi_ops.queue.client import OLDEST_SERVER, guarded, inspect, takes_anybody
from lomi_ops.queue.odd_answers import HINTS

CROWDED, FULL = 0.8, 0.95
"""Shares of a limit from which it is warned about, and from which it fails."""
_UPGRADE = "upgrade the server: image redis:7-alpine or valkey/valkey:8-alpine"


def ping(at: Handles) -> Found:
    server = inspect(at.redis)
    if server.replica:
        return Found(
            Status.FAIL, f"{server.name} {server.version} is a replica: workers cannot write", HINTS["READONLY"]
        )
    return Found(Status.PASS, f"{server.name} {server.version}")


def version(at: Handles) -> Found:
    server = inspect(at.redis)
    oldest = ".".join(map(str, OLDEST_SERVER))
    said = (server.version, f">= {oldest}")
    if tuple(int(part) for part in server.version.split(".")[:2] if part.isdigit()) >= OLDEST_SERVER:
        return Found(Status.PASS, f"{server.version}, {oldest} is enough").seen(*said)
    return Found(Status.FAIL, f"{server.version} is older than {oldest}: workers do not start on it", _UPGRADE).seen(
        *said
    )


def policy(at: Handles) -> Found:
    found = inspect(at.redis).policy
    said = (found, "noeviction")
    if found == "noeviction":
        return Found(Status.PASS, found).seen(*said)
    if found == "unknown":
        return Found(Status.UNKNOWN, "the server does not say", "redis-cli CONFIG GET maxmemory-policy").seen(*said)
    fix = "redis-cli CONFIG SET maxmemory-policy noeviction, and in its configuration file"
    return Found(Status.FAIL, f"{found}: jobs are thrown away when memory is full", fix).seen(*said)


def persistence(at: Handles) -> Found:
    if inspect(at.redis).appendonly:
        return Found(Status.PASS, "append-only file is on").seen("yes", "yes")
    fix = "redis-cli CONFIG SET appendonly yes, and in its configuration file"
    return Found(Status.WARN, "a restart loses the queue", fix).seen("no", "yes")


def disk(at: Handles) -> Found:
    info = _info(at, "persistence")
    troubled = [name for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
                if info.get(name, "ok") != "ok"]  # fmt: skip
    if not troubled:
        return Found(Status.PASS, "the last writes of its files succeeded")
    text = f"its last write did not succeed: {', '.join(troubled)}"
    return Found(Status.FAIL, text, HINTS["MISCONF"]).seen("err", "ok")


def password(at: Handles) -> Found:
    section = at.settings.redis
    if takes_anybody(section):
        text = "it serves whoever reaches it, without a password"
        return Found(Status.FAIL, text, "redis-cli CONFIG SET requirepass …, and in its configuration file")
    return Found(Status.PASS, "nobody gets in without one")


def memory(at: Handles) -> Found:
    info = _info(at, "memory")
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    whole = limit or int(info.get("total_system_memory", 0))
    if not whole:
        return Found(Status.UNKNOWN, "the server does not say how much it may use", "redis-cli INFO memory")
    share = used / whole
    of = "maxmemory" if limit else "the machine's memory"
    text = f"{used / 2**20:,.0f} MiB, {percent(share)} of {of}"
    return below(Metric("memory_share", round(share, 4), CROWDED, FULL), text, HINTS["OOM"])


def clients(at: Handles) -> Found:
    info = _info(at, "clients")
    # INFO has had it since Redis 7; before that only CONFIG says it, which an ACL user may not ask.
    limit = int(info.get("maxclients", 0))
    if not limit:
        return Found(Status.SKIP, "this server does not say how many it takes (Redis 7 does)")
    open_ = int(info["connected_clients"])
    text = f"{open_} of {limit} connections"
    return below(Metric("connections_share", round(open_ / limit, 4), CROWDED, FULL), text, HINTS["MAXCLIENTS"])


def _info(at: Handles, section: str) -> Mapping[str, Any]:
    with guarded(at.redis, f"INFO {section}"):
        found: Mapping[str, Any] = at.redis.info(section)
        return found


PING = "redis.ping"

CHECKS = (
    Check(CheckSpec("LOMI-REDIS-001", PING, "Redis answers", "lomi config show --origin", eventual=True), ping),
    Check(CheckSpec("LOMI-REDIS-002", "redis.version", "Redis is young enough", "redis-cli INFO server", (PING,)),
          version),
    Check(CheckSpec("LOMI-REDIS-003", "redis.maxmemory_policy", "Redis never evicts",
                    "redis-cli CONFIG SET maxmemory-policy noeviction", (PING,)), policy),
    Check(CheckSpec("LOMI-REDIS-004", "redis.persistence", "Redis keeps the queue on disk",
                    "redis-cli CONFIG SET appendonly yes", (PING,), Severity.WARNING), persistence),
    Check(CheckSpec("LOMI-REDIS-005", "redis.password", "Redis asks for a password",
                    "redis-cli CONFIG SET requirepass …", (PING,)), password),
    Check(CheckSpec("LOMI-REDIS-006", "redis.memory", "Redis has room", "lomi queue stats", (PING,)), memory),
    Check(CheckSpec("LOMI-REDIS-007", "redis.clients", "Redis has connections left", "redis-cli CLIENT LIST", (PING,)),
          clients),
    Check(CheckSpec("LOMI-REDIS-008", "redis.disk", "Redis can write its files", "redis-cli INFO persistence", (PING,)),
          disk),
)  # fmt: skip
