"""Real servers for the tests: a Redis-compatible one and a Postgres, on loopback TCP, in a folder of their own.

They are found, set up and owned by the code that the local stack uses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from lomi_ops.ops.local import owner, ports
from lomi_ops.ops.local.binaries import postgres_programs, redis_programs, wanted_source
from lomi_ops.ops.local.postgres import hand_over, initialise
from lomi_ops.ops.local.redis import configuration, ping

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that must be free there: several times of what the servers of all processes of a run hold at once."""


def free_port() -> int:
    return ports.choose()


def service_user() -> str | None:
    """Postgres refuses to run as root: then a user that already exists."""
    user = owner.choose()
    return user.name if user else None


@dataclass
class RedisServer:
    """A server that a test may kill and start again; the data folder stays."""

    binary: Path
    folder: Path
    port: int
    password: str
    extra: tuple[str, ...] = ()
    """Further words of its command line."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.launch()
        assert self.process is not None
        deadline = time.monotonic() + 20
        while not ping(self.port, self.password):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise redis.ConnectionError(f"{self.binary} does not answer")
            time.sleep(0.02)

    def launch(self) -> None:
        """Starts it, and does not wait until it has read its data."""
        user = owner.choose()
        data, config = self.folder / "data", self.folder / "redis.conf"
        hand_over(data, user)
        config.write_text(configuration(data, self.port, self.password))
        self.process = subprocess.Popen(
            [self.binary, config, *self.extra],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=data,
            **owner.spawn_options(user),
        )

    def stop(self, sig: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(sig)
            self.process.wait(20)
            self.process = None


@contextmanager
def open_folder(prefix: str, *, within: Path | None = None) -> Iterator[Path]:
    """A temporary folder that another user can enter (pytest's own are 0700)."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory() -> Path | None:
    """Where data of servers cost no disk: a file system in memory. None where there is none with room to spare, or none
    that programs can run from, which a container's own is not."""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return None
    fits = found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC
    return MEMORY if fits and os.access(MEMORY, os.W_OK) else None


@contextmanager
def server_folder(prefix: str) -> Iterator[Path]:
    """For the data of a server that nobody asks for when the machine is gone. A process that is killed loses nothing
    there, as on a disk without `fsync`; and a new database takes a fifth of the time where the disk is busy."""
    with open_folder(prefix, within=memory()) as folder:
        yield folder


@contextmanager
def running_redis(*extra: str) -> Iterator[RedisServer]:
    with server_folder("lomi-redis-") as folder:
        binary = owner.runnable(redis_programs(wanted_source()), owner.choose(), folder)
        server = RedisServer(binary, folder, free_port(), secrets.token_hex(8), extra)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)


@dataclass
class PostgresServer:
    """A server that a test may stop and start again; the data folder stays."""

    binary: Path
    data: Path
    port: int
    password: str
    settings: tuple[str, ...] = ()
    """`name=value`, each for `-c`."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of a superuser on database `postgres`."""
        return f"postgresql://lomi:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        words = [word for setting in ("fsync=off", *self.settings) for word in ("-c", setting)]
        self.process = subprocess.Popen(
            [self.binary, "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", "-k", "", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **owner.spawn_options(owner.choose()),
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while not _answers(self.url):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise psycopg.OperationalError(f"{self.binary} does not answer")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
            self.process = None


@contextmanager
def postgres_server(*settings: str) -> Iterator[PostgresServer]:
    user, password = owner.choose(), secrets.token_hex(8)
    with server_folder("lomi-pg-") as folder:
        program = owner.runnable(postgres_programs(wanted_source()), user, folder)
        data = folder / "postgres" / "data"
        hand_over(data.parent, user)
        initialise(program, data, password, user, durable=False)
        server = PostgresServer(program, data, free_port(), password, settings)
        server.start()
        try:
            _quicken_logins(server)
            yield server
        finally:
            server.stop()


def _quicken_logins(server: PostgresServer) -> None:
    """The same password behind one round of hashing instead of 4,096: tests log in tens of thousands of times."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", server.password.encode(), salt, 1)
    client, server_key = (hmac.digest(salted, name, "sha256") for name in (b"Client Key", b"Server Key"))
    words = [base64.b64encode(each).decode() for each in (salt, hashlib.sha256(client).digest(), server_key)]
    verifier = "SCRAM-SHA-256$1:{}${}:{}".format(*words)
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE lomi PASSWORD '{verifier}'".encode())


def can_replicate() -> bool:
    """The wheels carry no program that copies a server."""
    return next(iter(postgres_programs(wanted_source()))).path.with_name("pg_basebackup").exists()


@contextmanager
def postgres_replica(primary: str) -> Iterator[PostgresServer]:
    """A streaming replica of a server of ours, by its URL; of a moment ago when it answers first."""
    user = owner.choose()
    with server_folder("lomi-replica-") as folder:
        program = next(iter(postgres_programs(wanted_source()))).path
        data = folder / "postgres" / "data"
        hand_over(data.parent, user)
        subprocess.run(
            [program.with_name("pg_basebackup"), "-d", primary, "-D", data, "-R", "-c", "fast", "--no-sync"],
            check=True, capture_output=True, cwd="/", **owner.spawn_options(user),
        )  # fmt: skip
        server = PostgresServer(program, data, free_port(), urlsplit(primary).password or "", ("max_connections=200",))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running_postgres() -> Iterator[str]:
    """Yields the URL of a superuser on database `postgres`."""
    with postgres_server("max_connections=200") as server:
        yield server.url


@contextmanager
def database_of_its_own(admin: psycopg.Connection, template: str = "template1") -> Iterator[str]:
    """The name of a new database that goes away with whoever is connected to it."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    # Without it a copy goes through the log of the server, page by page.
    copying = " STRATEGY FILE_COPY" if admin.info.server_version >= 150_000 else ""
    admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{copying}'.encode())
    try:
        yield name
    finally:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def database_at(server: str, name: str) -> str:
    """The URL of a database of that server."""
    return server.rsplit("/", 1)[0] + f"/{name}"


@contextmanager
def running_pooler(server: str) -> Iterator[str]:
    """PgBouncer in transaction mode in front of a server of ours, by its URL: the URL through it. Each transaction gets
    the process of the server that was idle for longest, so hardly ever the one before."""
    user, port, to = owner.choose(), free_port(), urlsplit(server)
    with open_folder("lomi-pooler-") as folder:
        hand_over(folder / "run", user)
        config = folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={to.port} user={to.username} password={to.password}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 8\nmin_pool_size = 4\nserver_round_robin = 1\n"
        )
        process = subprocess.Popen(
            ["pgbouncer", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder / "run",
            **owner.spawn_options(user),
        )  # fmt: skip
        try:
            url = f"postgresql://{to.username}@127.0.0.1:{port}{to.path}"
            deadline = time.monotonic() + 30
            while not _answers(url):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise psycopg.OperationalError("pgbouncer does not answer")
                time.sleep(0.05)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
