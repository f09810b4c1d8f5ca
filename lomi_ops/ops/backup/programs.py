"""Which pg_dump and pg_restore fit which server."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.errors import MissingExtra
from lomi_ops.ops.local.binaries import Program, Source, client_programs

_EXTRA = "pip install 'lomi-ops[local]'"
_SETS_A_NEW_TIMEOUT = 17
"""From this version on pg_restore sets transaction_timeout first, which older servers do not know."""


def pg_dump(server: str, source: Source) -> Program:
    """For a server of that version. Raises MissingExtra, naming versions and packages."""
    return fitting(client_programs("pg_dump", source), "pg_dump", server)


def pg_restore(server: str, dumped_by: str, source: Source) -> Program:
    """For a server of that version and a file that pg_dump of that version wrote. Raises MissingExtra."""
    found = client_programs("pg_restore", source)
    if _major(server) < _SETS_A_NEW_TIMEOUT <= _major(dumped_by):
        text = f"the backup was written by pg_dump {dumped_by}, and no pg_restore that reads it speaks to"
        raise MissingExtra(f"{text} Postgres {server}", hint=f"restore into Postgres {_SETS_A_NEW_TIMEOUT} or later")
    if _major(server) < _SETS_A_NEW_TIMEOUT:
        found = tuple(program for program in found if program.major < _SETS_A_NEW_TIMEOUT)
    return fitting(found, "pg_restore", max(server, dumped_by, key=_major))


def fitting(found: Sequence[Program], name: str, needed: str) -> Program:
    """The oldest that is not older than `needed`: both refuse newer servers, and what a newer pg_dump writes an older
    pg_restore does not read."""
    major = _major(needed)
    package = f"apt-get install postgresql-client-{major}"
    if not found:
        raise MissingExtra(f"no {name} found that fits Postgres {needed}", hint=f"{package}   or: {_EXTRA}")
    able = [program for program in found if program.major >= major]
    if not able:
        newest = max(found, key=lambda program: program.version)
        text = f"this needs {name} {major} or later, for Postgres {needed}"
        raise MissingExtra(
            f"{text}; the newest here is {shown(newest)} ({newest.path})", hint=f"{package}   or: {_EXTRA}"
        )
    return min(able, key=lambda program: program.major)


def shown(program: Program) -> str:
    return ".".join(map(str, program.version))


def _major(version: str) -> int:
    return int(version.partition(".")[0])
