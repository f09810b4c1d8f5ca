"""Real servers in the states in which Redis does not serve: how each is entered and left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from tests.integration.servers.farm import PASSWORD
from tests.integration.servers.rights import until
from tests.services import RedisServer, free_port

FILLERS = 80_000
"""Entries of the append-only file that make reading it last; the server looks at its clients every 1,024 of them."""
LOAD_DELAY_US = 30


@dataclass(frozen=True, slots=True)
class State:
    word: str
    """Redis's own."""
    inside: Callable[[RedisServer, Any], AbstractContextManager[None]]
    """Brings the server there, and back. The client is that of an administrator who is connected already."""
    reads: bool = True
    """Whether reading commands are served all the same."""
    slow: bool = False
    """Each answer takes its time: a few verbs must do."""


@contextmanager
def _configured(backend: Any, **values: object) -> Iterator[None]:
    names = {name.replace("_", "-"): value for name, value in values.items()}
    before = {name: next(iter(backend.config_get(name).values())) for name in names}
    for name, value in names.items():
        backend.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            backend.config_set(name, value)


@contextmanager
def readonly(server: RedisServer, backend: Any) -> Iterator[None]:
    """Demoted: its primary is a port at which nobody listens, so it keeps its data."""
    backend.execute_command("REPLICAOF", "127.0.0.1", free_port())
    try:
        yield
    finally:
        backend.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def masterdown(server: RedisServer, backend: Any) -> Iterator[None]:
    with readonly(server, backend), _configured(backend, replica_serve_stale_data="no"):
        yield


@contextmanager
def noreplicas(server: RedisServer, backend: Any) -> Iterator[None]:
    with _configured(backend, min_replicas_to_write=1):
        yield


@contextmanager
def full(server: RedisServer, backend: Any) -> Iterator[None]:
    with _configured(backend, maxmemory=1):
        yield


@contextmanager
def misconf(server: RedisServer, backend: Any) -> Iterator[None]:
    """Snapshots are asked for, and the last one failed: there is a folder where its file belongs."""
    dump = server.folder / "data" / "dump.rdb"
    with _configured(backend, save="3600 1"):
        dump.mkdir()
        backend.bgsave()
        until(lambda: backend.info("persistence")["rdb_last_bgsave_status"] != "ok")
        try:
            yield
        finally:
            dump.rmdir()
            backend.bgsave()
            until(lambda: backend.info("persistence")["rdb_last_bgsave_status"] == "ok")
    dump.unlink()


@contextmanager
def busy(server: RedisServer, backend: Any) -> Iterator[None]:
    """Somebody's script never ends; it has written nothing, so it can be killed."""

    def run() -> None:
        with redis.Redis(port=server.port, password=PASSWORD, socket_timeout=60, protocol=2) as client:
            try:
                client.execute_command("EVAL", "while true do end", 0)
            except redis.ResponseError:
                return

    with _configured(backend, lua_time_limit=10):
        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: _said(backend).startswith("BUSY"))
        try:
            yield
        finally:
            backend.execute_command("SCRIPT", "KILL")
            thread.join(10)


def _said(backend: Any) -> str:
    try:
        backend.ping()
    except redis.ResponseError as error:
        return str(error)
    return ""


@contextmanager
def loading(server: RedisServer, backend: Any) -> Iterator[None]:
    """Killed and started again; it reads slowly, and answers while it does."""
    with backend.pipeline(transaction=False) as pipe:
        for number in range(FILLERS):
            pipe.set(f"filler:{number}", "")
        pipe.execute()
    extra = server.extra
    server.stop(9)
    server.extra += ("--key-load-delay", str(LOAD_DELAY_US))
    server.launch()
    until(lambda: _is_loading(server))
    try:
        yield
        assert _is_loading(server), "it was ready before we were: the test showed nothing"
    finally:
        # 6.2 takes no CONFIG SET while it loads.
        server.stop(9)
        server.extra = extra
        server.start()
        backend.connection_pool.disconnect()


def _is_loading(server: RedisServer) -> bool:
    with redis.Redis(port=server.port, password=PASSWORD, protocol=2) as client:
        try:
            return bool(client.info("persistence")["loading"])
        except (redis.ConnectionError, redis.TimeoutError):
            return False


@contextmanager
def crowded(server: RedisServer, backend: Any) -> Iterator[None]:
    """As many clients as it takes: the administrator."""
    with _configured(backend, maxclients=1):
        yield


@contextmanager
def password_changed(server: RedisServer, backend: Any) -> Iterator[None]:
    """Whoever is connected stays so, and nobody comes in."""
    with _configured(backend, requirepass="another"):
        yield


@contextmanager
def forbidden(server: RedisServer, backend: Any) -> Iterator[None]:
    backend.execute_command("ACL", "SETUSER", "default", "-@scripting", "-blmove", "-llen")
    try:
        yield
    finally:
        backend.execute_command("ACL", "SETUSER", "default", "+@all")


REFUSING = (
    State("READONLY", readonly),
    State("MASTERDOWN", masterdown, reads=False),
    State("NOREPLICAS", noreplicas),
    State("MISCONF", misconf),
    State("BUSY", busy, reads=False),
    State("LOADING", loading, reads=False, slow=True),
    State("MAXCLIENTS", crowded, reads=False),
    State("WRONGPASS", password_changed, reads=False),
    State("NOPERM", forbidden, reads=False),
)
"""States in which nothing of the queue may change. A full server (OOM) is none: there, what is in hand goes on."""
