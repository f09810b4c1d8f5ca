"""What Redis says when it does not serve: the word behind an error, and what to do about it.

All of it is weather to the queue: nothing was taken, or it is taken again, and no attempt is spent. A script that was
refused in its first write has changed nothing. docs/operations.md has the same table for people.
"""

from __future__ import annotations

import re
import ssl

import redis

_READONLY = "this is a replica: point redis.host at the primary, or name the Sentinels in redis.sentinels"
HINTS = {
    "READONLY": _READONLY,
    "UNBLOCKED": _READONLY,
    "MASTERDOWN": "this is a replica without its primary: see redis-cli INFO replication, or wait for the failover",
    "NOREPLICAS": "fewer replicas follow than min-replicas-to-write asks for: see redis-cli INFO replication",
    "LOADING": "it has just started and reads its data: wait; redis-cli INFO persistence says how far it is",
    "BUSY": "somebody's script runs and runs: redis-cli SCRIPT KILL",
    "OOM": "Redis is full: raise maxmemory, or see `lomi queue stats`",
    "MISCONF": "Redis cannot write to its disk: make room there, then see redis-cli INFO persistence",
    "NOAUTH": "check redis.username and redis.password",
    "WRONGPASS": "check redis.username and redis.password",
    "NOPERM": "give this user the rights that docs/operations.md lists; redis-cli ACL LOG has what was refused",
    "MOVED": "this node of a cluster does not have the queue: set redis.host and redis.port to the one that is named",
    "CLUSTERDOWN": "the cluster does not serve the queue's slot: see redis-cli CLUSTER INFO",
    "MAXCLIENTS": "raise maxclients, or see who holds the connections: redis-cli CLIENT LIST",
    "WRONGTYPE": "another program uses one of the queue's keys for something else",
    "NOPRIMARY": "check redis.sentinels and redis.sentinel_service, or wait for the failover to end",
    "TLS": "does this port speak TLS, with a certificate that redis.tls_ca knows? rediss:// and redis.tls ask for it",
}
"""The next step, by Redis's own word; MAXCLIENTS, NOPRIMARY and TLS are ours."""

_MOVING = frozenset(
    {"READONLY", "UNBLOCKED", "MASTERDOWN", "NOREPLICAS", "LOADING", "MOVED", "CLUSTERDOWN", "NOPRIMARY"}
)
"""Another server may serve instead."""
_IN_SCRIPT = re.compile(r"@user_script: ?\d+: -([A-Z]+) ")
"""Redis 6.2 wraps what a command inside a script was answered, and no code is left in front."""
_DENIED = re.compile(
    r"can't (run this command|access at least one of the keys|publish to the channel)"
    r"|no permissions to (run|access)|ACL failure in script",
    re.IGNORECASE,
)
_MAX_TEXT = 300
_IN_OPENSSL = re.compile(r"^_ssl\.c:\d+: | \(_ssl\.c:\d+\)$|^\[[A-Z_: ]+\] ")


class NoPrimary(redis.ConnectionError):
    """No Sentinel names a primary."""


def word(error: redis.RedisError) -> str:
    """Redis's word for why it does not serve, e.g. `READONLY`; empty for the network and for anything unknown."""
    text = str(error)
    if _handshake(error):
        return "TLS"
    if isinstance(error, NoPrimary):
        return "NOPRIMARY"
    if isinstance(error, redis.exceptions.AuthenticationError | redis.exceptions.AuthenticationWrongNumberOfArgsError):
        return "WRONGPASS"
    if "max number of clients" in text:
        return "MAXCLIENTS"
    if "previous master is now a slave" in text:  # redis-py's own word for READONLY under Sentinel
        return "READONLY"
    if wrapped := _IN_SCRIPT.search(text):
        return wrapped[1]
    if _DENIED.search(text):
        return "NOPERM"
    first = str(getattr(error, "status_code", None) or text.partition(" ")[0])
    return _BY_CLASS.get(type(error), first if first in HINTS else "")


def hint(error: redis.RedisError) -> str:
    """The next step."""
    return HINTS.get(word(error), "lomi check")


def elsewhere(error: redis.RedisError) -> bool:
    """Whether to look anew where the primary is: it moved, or the connection is gone."""
    said = word(error)
    return said in _MOVING or (not said and isinstance(error, redis.ConnectionError | redis.TimeoutError))


def text(error: redis.RedisError) -> str:
    """What it said, on one line, with its word in front where redis-py took that off."""
    whole = _handshake(error) or str(error)
    said = whole.splitlines()[0][:_MAX_TEXT] if whole else type(error).__name__
    code = getattr(error, "status_code", None)
    return f"{code} {said}" if code in HINTS and not said.startswith(str(code)) else said


def _handshake(error: BaseException) -> str:
    """What went wrong with TLS, if that did; redis-py keeps it behind an error that only says `connecting`."""
    link: BaseException | None = error
    seen: set[int] = set()
    # An error that is raised again and again can be its own context.
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, ssl.SSLError) or "handshake" in str(link):
            return f"TLS: {_IN_OPENSSL.sub('', str(link.args[-1]))}"
        link = link.__cause__ or link.__context__
    return ""


_BY_CLASS: dict[type[redis.RedisError], str] = {
    redis.ReadOnlyError: "READONLY",
    redis.BusyLoadingError: "LOADING",
    redis.OutOfMemoryError: "OOM",
    redis.exceptions.MasterDownError: "MASTERDOWN",
    redis.exceptions.NoPermissionError: "NOPERM",
    redis.exceptions.MovedError: "MOVED",
    redis.exceptions.ClusterDownError: "CLUSTERDOWN",
}
