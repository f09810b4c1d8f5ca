"""Whom the services run as. Postgres refuses to be root, and Redis has no need to be.

As root they run as `postgres`, else `nobody`. No user is created and no permission changes outside the stack's
folder: what that user cannot reach is copied into the folder, or named in an error.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lomi_ops.errors import StackError
from lomi_ops.ops.local.binaries import Program

CANDIDATES = ("postgres", "nobody")

_PASSED_ON = ("PATH", "TZ", "LD_LIBRARY_PATH")
"""All that a service sees of our environment: the rest may hold secrets, or PG… variables that would mislead it."""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """A user other than ourselves, with an entry in passwd: Postgres does not start without one."""

    name: str
    uid: int
    gid: int


def choose(*, recorded: str | None = None) -> ServiceUser | None:
    """The user for the services; None to run them as ourselves. `recorded` is the one that owns existing data.

    Raises StackError when we are root and no candidate exists.
    """
    if os.geteuid() != 0:
        return None
    for name in (recorded,) if recorded else CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    if recorded:
        raise StackError(f"the data of this stack belong to the user {recorded}, who does not exist any more")
    raise StackError(
        "Postgres does not run as root, and neither of the users postgres and nobody exists",
        hint="run lomi as an ordinary user",
    )


def spawn_options(user: ServiceUser | None, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Keywords for subprocess: a clean environment and, as root, the service user."""
    options: dict[str, Any] = {"env": {name: environ[name] for name in _PASSED_ON if name in environ} | {"LC_ALL": "C"}}
    if user is not None:
        options |= {"user": user.uid, "group": user.gid, "extra_groups": []}
    return options


def may(user: ServiceUser | None, flag: str, path: Path) -> bool:
    """Asks the kernel, as that user, for `test -FLAG path`: mode bits alone would miss ACLs and mount options."""
    if user is None:
        return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[flag])
    probe = subprocess.run(["/usr/bin/test", f"-{flag}", path], check=False, cwd="/", **spawn_options(user))
    return probe.returncode == 0


def closed_folder(user: ServiceUser | None, folder: Path) -> Path | None:
    """The topmost folder on the way to `folder`, itself included, that the user cannot enter."""
    existing = [path for path in (*reversed(folder.parents), folder) if path.is_dir()]
    if not existing or may(user, "x", existing[-1]):
        return None
    return next(path for path in existing if not may(user, "x", path))


def require_way(user: ServiceUser | None, folder: Path) -> None:
    """Raises StackError, naming the closed folder, when the services could not reach the stack's folder."""
    closed = closed_folder(user, folder)
    if closed is None or user is None:
        return
    raise StackError(
        f"the services run as {user.name}, who cannot enter {closed}, so they cannot reach {folder}",
        hint="choose a folder that everybody can enter, such as `lomi up --data /var/lib/lomi`, or run lomi as an"
        " ordinary user",
    )


def runnable(programs: Iterable[Program], user: ServiceUser | None, copies: Path) -> Path:
    """The first program that the user can run where it is, else a copy of the first that can be copied.

    Raises StackError when none is either.
    """
    choices = tuple(programs)
    for program in choices:
        if may(user, "x", program.path) and may(user, "r", program.path):
            return program.path
        if program.parts:
            return _copied(program, user, copies)
    names = ", ".join(str(program.path) for program in choices)
    raise StackError(f"the service user cannot run {names}", hint="install the system package, or lomi-ops[local]")


def _copied(program: Program, user: ServiceUser | None, copies: Path) -> Path:
    """A copy below `copies`, whole or absent: it is made beside and renamed."""
    target = copies / f"{program.path.name}-{program.version[0]}.{program.version[1]}"
    path = target / program.path.relative_to(program.root)
    if not path.exists():
        fresh = copies / f".{target.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for part in program.parts:
            _copy(program.root / part, fresh / part)
        _open_for_reading(fresh)
        fresh.rename(target)
    if not may(user, "x", path):
        raise StackError(
            f"programs in {copies} cannot be run; is its file system mounted noexec?",
            hint="lomi up --data DIR, with a folder on another file system",
        )
    return path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
    else:
        shutil.copy2(source, target)


def _open_for_reading(folder: Path) -> None:
    """Everybody may read and run our copy, whatever the mask of this process was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
