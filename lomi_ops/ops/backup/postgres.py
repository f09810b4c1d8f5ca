"""Running pg_dump and pg_restore. The password is in a file that has no name: it is on no command line, in no
environment and on no disk, and goes with this process, however that ends."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lomi_ops.db.login import Login
from lomi_ops.errors import DatabaseUnavailable, LomiError
from lomi_ops.ops.local import logs
from lomi_ops.ops.local.binaries import Program

LOCK_WAIT_S = 30
"""Seconds that a dump waits for a table which somebody is changing, and a restore for one that somebody reads."""
_CHUNK = 1 << 20
_PASSED_ON = ("PATH", "TZ", "LD_LIBRARY_PATH", "HOME", "TMPDIR")
_TOC = re.compile(r"^\d+; \d+ \d+ (?P<what>.+)$")
_PUBLIC = ("SCHEMA - public ", "COMMENT - SCHEMA public ")
_EXTENSION = re.compile(r"(?:COMMENT - EXTENSION|EXTENSION -) \"?([^\" ]+)")
_PASSING = ("could not connect", "connection to server", "server closed the connection", "canceling statement due to")


class ProgramFailed(LomiError):
    """pg_dump or pg_restore ended with an error of its own; the message is what it said."""


def dump(program: Program, login: Login, snapshot: str) -> Generator[bytes, None, None]:
    """The database in pg_dump's custom format, as the snapshot sees it. It ends with us: it writes into a pipe.

    Raises DatabaseUnavailable for what may pass, ProgramFailed for the rest.
    """
    command: list[str | Path] = [
        program.path, "--format=custom", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT_S}s",
        "--no-password", f"--dbname={login.conninfo}",
    ]  # fmt: skip
    with _secret(login) as (variables, handles), tempfile.TemporaryFile() as told:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=told,
                env=environment(variables),
                pass_fds=handles,
            )
        except OSError as problem:
            raise ProgramFailed(f"cannot run {program.path}: {problem.strerror}") from problem
        assert child.stdout is not None
        try:
            with child.stdout as pipe:
                while chunk := pipe.read(_CHUNK):
                    yield chunk
            if child.wait() != 0:
                raise _failure("pg_dump", child.returncode, _said(told), login)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


@dataclass(frozen=True, slots=True)
class Restoring:
    """How a dump is put into a database."""

    replace: bool
    """Drop what the dump has before it is made anew."""
    owners: bool
    """Owners and grants as they were; else everything belongs to us."""
    present: tuple[str, ...] = ()
    """Extensions that the database has already."""


def restore(program: Program, login: Login, file: Path, how: Restoring) -> None:
    """One transaction: all of it, or nothing.

    Raises DatabaseUnavailable for what may pass, ProgramFailed for the rest.
    """
    with tempfile.NamedTemporaryFile("w", prefix="lomi-toc-") as chosen:
        chosen.write("".join(f"{line}\n" for line in wanted(contents(program, file), how.present)))
        chosen.flush()
        command = [
            program.path, "--single-transaction", "--exit-on-error", f"--use-list={chosen.name}", "--no-password",
            *(("--clean", "--if-exists") if how.replace else ()),
            *(() if how.owners else ("--no-owner", "--no-privileges")),
            f"--dbname={login.conninfo}", file,
        ]  # fmt: skip
        with _secret(login) as (variables, handles):
            limits = {"PGOPTIONS": f"-c lock_timeout={LOCK_WAIT_S}s -c statement_timeout=0"}
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env=environment(variables | limits),
                pass_fds=handles,
            )
    if done.returncode != 0:
        raise _failure("pg_restore", done.returncode, done.stderr, login)


def contents(program: Program, file: Path) -> list[str]:
    """The table of contents of a dump. Raises ProgramFailed where it is none."""
    done = subprocess.run(
        [program.path, "--list", file],
        capture_output=True, text=True, errors="replace", check=False, env=environment({}),
    )  # fmt: skip
    if done.returncode != 0:
        raise ProgramFailed(f"pg_restore cannot read {file.name}: {_reason(done.stderr)}")
    return done.stdout.splitlines()


def wanted(lines: Sequence[str], present: Collection[str]) -> list[str]:
    """The entries to restore: not the schema public, nor extensions that are there. These belong to whoever made the
    database, who may be somebody with more rights than we have."""
    return [line for line in lines if (entry := _TOC.match(line)) and _is_wanted(entry["what"], present)]


def _is_wanted(what: str, present: Collection[str]) -> bool:
    extension = _EXTENSION.match(what)
    return extension[1] not in present if extension else not what.startswith(_PUBLIC)


def environment(more: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a program of Postgres' sees: libpq's variables as we have them ourselves, none of our secrets, and its
    messages in English."""
    libpq = {name: value for name, value in environ.items() if name.startswith("PG") and name != "PGPASSWORD"}
    plain = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {**plain, **libpq, "LC_ALL": "C", "PGAPPNAME": "lomi backup", **more}


@contextmanager
def _secret(login: Login) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Variables and open files that let a child log in. Without a password of ours libpq looks for one by itself."""
    if not login.password:
        own = os.environ.get("PGPASSWORD")
        yield ({"PGPASSWORD": own} if own else {}), ()
        return
    escaped = login.password.replace("\\", "\\\\").replace(":", "\\:")
    handle = os.memfd_create("pgpass")
    try:
        os.fchmod(handle, 0o600)
        os.write(handle, f"*:*:*:*:{escaped}\n".encode())
        yield {"PGPASSFILE": f"/proc/self/fd/{handle}"}, (handle,)
    finally:
        os.close(handle)


def _said(told: IO[bytes]) -> str:
    told.seek(0)
    return told.read().decode("utf-8", "replace")


def _failure(name: str, code: int, said: str, login: Login) -> LomiError:
    reason = _reason(said).replace(login.password, "***") if login.password else _reason(said)
    text = f"{name} ended with {code}: {reason}" if reason else f"{name} ended with {code}"
    if any(word in said for word in _PASSING):
        hint = "somebody holds a lock: stop the backend and the workers, and repeat" if "due to lock" in said else ""
        return DatabaseUnavailable(text, hint=hint)
    if "permission denied" in said:
        return ProgramFailed(text, hint="as an administrator: GRANT pg_read_all_data TO the role that makes backups")
    return ProgramFailed(text)


def _reason(said: str) -> str:
    """The first line that names an error; what follows are its consequences."""
    lines = [line.strip() for line in said.splitlines()]
    named = next((line for line in lines if " error: " in line), "")
    return named.partition(" error: ")[2] or logs.reason(said)
