"""Running pg_dump and pg_restore."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.db.login import Login
from lomi_ops.errors import DatabaseUnavailable
from lomi_ops.ops.backup.children import (
    ProgramFailed,
    ended,
    environment,
    failure,
    reason,
    said_in,
    secret,
    started,
    tied,
)
from lomi_ops.ops.local.binaries import Program

LOCK_WAIT_S = 30
"""Seconds that a dump waits for a table which somebody is changing, and a restore for one that somebody reads."""
LOOK_S = 0.25
_CHUNK = 1 << 20
_TOC = re.compile(r"^\d+; \d+ \d+ (?P<what>.+)$")
_PUBLIC = ("SCHEMA - public ", "COMMENT - SCHEMA public ")
_EXTENSION = re.compile(r"(?:COMMENT - EXTENSION|EXTENSION -) \"?([^\" ]+)")


def dump(program: Program, login: Login, snapshot: str) -> Generator[bytes, None, None]:
    """The database in pg_dump's custom format, as the snapshot sees it. It ends with us: it writes into a pipe.

    Raises DatabaseUnavailable for what may pass, ProgramFailed for the rest.
    """
    command: list[str | Path] = [
        program.path, "--format=custom", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT_S}s",
        "--no-password", f"--dbname={login.conninfo}",
    ]  # fmt: skip
    with secret(login) as (variables, handles), tempfile.TemporaryFile() as told:
        child = started(command, environment(variables), handles, subprocess.PIPE, told)
        assert child.stdout is not None
        with ended(child), child.stdout as pipe:
            while chunk := pipe.read(_CHUNK):
                yield chunk
            if child.wait() != 0:
                raise failure("pg_dump", child.returncode, said_in(told), login)


@dataclass(frozen=True, slots=True)
class Restoring:
    """How a dump is put into a database."""

    replace: bool
    """Drop what the dump has before it is made anew."""
    owners: bool
    """Owners and grants as they were; else everything belongs to us."""
    present: tuple[str, ...] = ()
    """Extensions that the database has already."""


def restore(
    program: Program, login: Login, file: Path, how: Restoring, waits: Callable[[str], bool] = lambda application: False
) -> None:
    """One transaction: all of it, or nothing, also where we are killed. `waits` says whether the session of that
    application name waits for somebody's lock; pg_restore itself would wait for ever.

    Raises DatabaseUnavailable for what may pass, ProgramFailed for the rest.
    """
    name = f"lomi restore {os.getpid()}"
    with tempfile.NamedTemporaryFile("w", prefix="lomi-toc-") as chosen, tempfile.TemporaryFile() as told:
        chosen.write("".join(f"{line}\n" for line in wanted(contents(program, file), how.present)))
        chosen.flush()
        command: list[str | Path] = [
            program.path, "--single-transaction", "--exit-on-error", f"--use-list={chosen.name}", "--no-password",
            *(("--clean", "--if-exists") if how.replace else ()),
            *(() if how.owners else ("--no-owner", "--no-privileges")),
            f"--dbname={login.conninfo}", file,
        ]  # fmt: skip
        with secret(login) as (variables, handles):
            seen = environment(variables | {"PGAPPNAME": name})
            child = started(tied(command), seen, handles, subprocess.DEVNULL, told)
            with ended(child):
                _watch(child, lambda: waits(name))
        if child.returncode != 0:
            raise failure("pg_restore", child.returncode, said_in(told), login)


def _watch(child: subprocess.Popen[bytes], waits: Callable[[], bool]) -> None:
    """Until it has ended by itself, or has waited for a lock for too long. Raises DatabaseUnavailable."""
    waited = 0
    while True:
        try:
            child.wait(LOOK_S)
            return
        except subprocess.TimeoutExpired:
            waited = waited + 1 if waits() else 0
        if waited * LOOK_S >= LOCK_WAIT_S:
            raise DatabaseUnavailable(
                f"somebody has held a table for {LOCK_WAIT_S:g} s; the database is as it was",
                hint="stop the backend and the workers, and repeat",
            )


def contents(program: Program, file: Path) -> list[str]:
    """The table of contents of a dump. Raises ProgramFailed where it is none."""
    done = subprocess.run(
        [program.path, "--list", file],
        capture_output=True, text=True, errors="replace", check=False, env=environment({}),
    )  # fmt: skip
    if done.returncode != 0:
        raise ProgramFailed(f"pg_restore cannot read {file.name}: {reason(done.stderr)}")
    return done.stdout.splitlines()


def wanted(lines: Sequence[str], present: Collection[str]) -> list[str]:
    """The entries to restore: not the schema public, nor extensions that are there. These belong to whoever made the
    database, who may be somebody with more rights than we have."""
    return [line for line in lines if (entry := _TOC.match(line)) and _is_wanted(entry["what"], present)]


def _is_wanted(what: str, present: Collection[str]) -> bool:
    extension = _EXTENSION.match(what)
    return extension[1] not in present if extension else not what.startswith(_PUBLIC)
