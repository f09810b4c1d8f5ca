"""Programs of Postgres' own as children: what they see, how they log in, and what their errors mean.

The password is in a file that has no name: it is on no command line, in no environment and on no disk, and goes with
this process, however that ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lomi_ops.db.login import Login
from lomi_ops.errors import DatabaseUnavailable, LomiError
from lomi_ops.ops.local import logs

READ_ALL = "as an administrator: GRANT pg_read_all_data TO the role that makes backups"
_PASSED_ON = ("PATH", "TZ", "LD_LIBRARY_PATH", "HOME", "TMPDIR")
_PASSING = ("could not connect", "connection to server", "server closed the connection", "canceling statement due to")


_TIED = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
os.getppid() == int(sys.argv[1]) and os.execv(sys.argv[2], sys.argv[2:])
"""


class ProgramFailed(LomiError):
    """pg_dump or pg_restore ended with an error of its own; the message is what it said."""


def tied(command: Sequence[str | Path]) -> list[str | Path]:
    """The same command, killed by the kernel when the thread that starts it dies, and so with us. A process of its
    own asks for that: between fork and exec nothing is safe where there are threads."""
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command]


def started(
    command: Sequence[str | Path], variables: Mapping[str, str], handles: Sequence[int], output: int, told: IO[bytes]
) -> subprocess.Popen[bytes]:
    """A child with its errors in `told` and these files open. Raises ProgramFailed where it cannot be run."""
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=told, env=dict(variables), pass_fds=handles
        )
    except OSError as problem:
        raise ProgramFailed(f"cannot run {command[0]}: {problem.strerror}") from problem


@contextmanager
def ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """It does not outlive the body."""
    try:
        yield
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def environment(more: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a program of Postgres' sees: libpq's variables as we have them ourselves, none of our secrets, and its
    messages in English."""
    libpq = {name: value for name, value in environ.items() if name.startswith("PG") and name != "PGPASSWORD"}
    plain = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {**plain, **libpq, "LC_ALL": "C", "PGAPPNAME": "lomi backup", **more}


@contextmanager
def secret(login: Login) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
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


def said_in(told: IO[bytes]) -> str:
    told.seek(0)
    return told.read().decode("utf-8", "replace")


def failure(name: str, code: int, said: str, login: Login) -> LomiError:
    why = reason(said).replace(login.password, "***") if login.password else reason(said)
    text = f"{name} ended with {code}: {why}" if why else f"{name} ended with {code}"
    if any(word in said for word in _PASSING):
        hint = "somebody holds a lock: stop the backend and the workers, and repeat" if "due to lock" in said else ""
        return DatabaseUnavailable(text, hint=hint)
    if "permission denied" in said:
        return ProgramFailed(text, hint=READ_ALL)
    return ProgramFailed(text)


def reason(said: str) -> str:
    """The first line that names an error; what follows are its consequences."""
    lines = [line.strip() for line in said.splitlines()]
    named = next((line for line in lines if " error: " in line), "")
    return named.partition(" error: ")[2] or logs.reason(said)
