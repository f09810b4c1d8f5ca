"""The stack's Redis or Valkey: its configuration and its life."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.ops.local import files, logs, process
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.owner import ServiceUser, spawn_options
from lomi_ops.ops.local.ports import LOOPBACK
from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.record import REDIS
from lomi_ops.ops.local.state import StackState

_ANSWER_S = 2.0


def configuration(folder: Path, port: int, password: str) -> str:
    """The content of redis.conf.

    The AOF is written as plain commands, without an RDB preamble: another version, or Valkey instead of Redis,
    must be able to read it.
    """
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "protected-mode": "yes",
        "requirepass": _quoted(password),
        "dir": _quoted(str(folder)),
        "pidfile": _quoted(str(_pid_file(folder))),
        "daemonize": "no",
        "logfile": '""',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "no",
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


@dataclass(frozen=True, slots=True)
class RedisService:
    layout: Layout
    user: ServiceUser | None

    @property
    def name(self) -> str:
        return REDIS

    @property
    def log(self) -> Path:
        return self.layout.log(REDIS)

    @property
    def endings(self) -> tuple[tuple[signal.Signals, float], ...]:
        return (signal.SIGTERM, 60.0), (signal.SIGKILL, 10.0)

    def spawn(self, state: StackState) -> subprocess.Popen[bytes]:
        """The password reaches the server through a file that only its user can read, never through argv."""
        folder = self.layout.redis
        config = folder / "redis.conf"
        owner = (self.user.uid, self.user.gid) if self.user else (-1, -1)
        files.write_private(
            config, configuration(folder, state.redis_port, state.redis_password), uid=owner[0], gid=owner[1]
        )
        with logs.opened(self.log) as log:
            return subprocess.Popen(
                [state.redis_program, config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
                **spawn_options(self.user),
            )

    def answers(self, state: StackState, written: str, age_s: float) -> bool:
        return ping(state.redis_port, state.redis_password)

    def survivor(self) -> ProcessId | None:
        """Redis moves into its folder and notes its pid there; together they tell it from a recycled pid."""
        folder = self.layout.redis
        try:
            pid = int(_pid_file(folder).read_text())
        except (OSError, ValueError):
            return None
        return process.identify(pid) if process.works_in(pid) == folder else None


def ping(port: int, password: str) -> bool:
    """True when a server there takes the password and has loaded its data. One try, no retries."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis(
        host=LOOPBACK,
        port=port,
        password=password,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def _pid_file(folder: Path) -> Path:
    return folder / "redis.pid"


def _quoted(value: str) -> str:
    """Redis reads double quotes with backslash escapes, as JSON does for these characters."""
    return json.dumps(value, ensure_ascii=False)
