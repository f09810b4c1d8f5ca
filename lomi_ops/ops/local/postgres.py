"""The stack's Postgres: its first set-up and its life."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.errors import StackError
from lomi_ops.ops.local import files, logs, process
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.owner import ServiceUser, spawn_options
from lomi_ops.ops.local.ports import LOOPBACK
from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.record import POSTGRES
from lomi_ops.ops.local.state import DATABASE, ROLE, StackState

_ANSWER_S = 2

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    # Not the default POSIX shared memory: logind removes that when an ordinary user logs out, and containers keep
    # it small.
    "dynamic_shared_memory_type": "mmap",
    "log_destination": "stderr",
    "logging_collector": "off",
}


def data_version(data: Path) -> int | None:
    """The major version that wrote a data folder; None before initdb."""
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except ValueError as damage:
        raise StackError(f"{data / 'PG_VERSION'} is damaged", hint="restore the folder from a backup") from damage


def initialise(program: Path, data: Path, password: str, user: ServiceUser | None, *, durable: bool = True) -> None:
    """Runs initdb for a superuser `lomi`: UTF-8, C collation, SCRAM everywhere. Does nothing to existing data.

    The folder appears whole or not at all. The parent of `data` must belong to `user`. Raises StackError.
    """
    if data_version(data) is not None:
        return
    fresh, secret = data.with_name(f"{data.name}.new"), data.with_name("initdb.password")
    shutil.rmtree(fresh, ignore_errors=True)
    owner = (user.uid, user.gid) if user else (-1, -1)
    files.write_private(secret, password + "\n", uid=owner[0], gid=owner[1])
    command = [
        program.with_name("initdb"), f"--pgdata={fresh}", f"--username={ROLE}", "--auth=scram-sha-256",
        f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", *(() if durable else ("--no-sync",)),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **spawn_options(user))
    except OSError as problem:
        raise StackError(f"cannot run {command[0]}: {problem.strerror}") from problem
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise StackError(f"initdb failed in {data.parent}: {logs.reason(done.stderr or done.stdout)}")
    fresh.rename(data)
    files.sync_folder(data.parent)


@dataclass(frozen=True, slots=True)
class PostgresService:
    layout: Layout
    user: ServiceUser | None

    @property
    def name(self) -> str:
        return POSTGRES

    @property
    def log(self) -> Path:
        return self.layout.log(POSTGRES)

    @property
    def endings(self) -> tuple[tuple[signal.Signals, float], ...]:
        """Fast shutdown, immediate shutdown, and the last resort."""
        return (signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0), (signal.SIGKILL, 10.0)

    def spawn(self, state: StackState) -> subprocess.Popen[bytes]:
        clear_stale_pid_file(self.layout.postgres_data)
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with logs.opened(self.log) as log:
            return subprocess.Popen(
                [state.postgres_program, "-D", self.layout.postgres_data, "-p", str(state.postgres_port), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **spawn_options(self.user),
            )

    def answers(self, state: StackState, written: str, age_s: float) -> bool:
        import psycopg

        try:
            psycopg.connect(state.database_url("postgres"), connect_timeout=_ANSWER_S).close()
        except psycopg.OperationalError:
            return False
        return True

    def survivor(self) -> ProcessId | None:
        data = self.layout.postgres_data
        pid = noted_pid(data)
        return process.identify(pid) if pid is not None and process.works_in(pid) == data else None


def noted_pid(data: Path) -> int | None:
    """The pid in postmaster.pid; None where there is none."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def clear_stale_pid_file(data: Path) -> None:
    """Removes postmaster.pid where its pid is in use but not by a server: by another program, or by a zombie.

    Postgres would take either for a server and refuse to start. A file with a free pid stays: Postgres handles it,
    and finds by it whether backends of a killed server are still at work. Raises StackError while they are.
    """
    pid = noted_pid(data)
    if pid is None or not process.taken(pid) or process.works_in(pid) == data:
        return
    if left := process.occupants(data):
        raise StackError(f"{len(left)} processes of an earlier Postgres have not ended yet")
    (data / "postmaster.pid").unlink(missing_ok=True)


def ensure_database(state: StackState) -> None:
    """Creates the database `lomi` where it is missing. Raises psycopg.Error."""
    import psycopg

    with psycopg.connect(state.database_url("postgres"), autocommit=True, connect_timeout=10) as admin:
        known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known is None:
            admin.execute(f"CREATE DATABASE {DATABASE}")


def hand_over(folder: Path, user: ServiceUser | None) -> None:
    """Makes a private folder that belongs to the service user."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user.uid, user.gid)
