"""Which pg_dump and pg_restore fit which server. Both speak to older servers, and refuse newer ones."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.errors import MissingExtra
from lomi_ops.ops.local.binaries import Program, Source, client_programs

_EXTRA = "pip install 'lomi-ops[local]'"


def pg_dump(server: str, source: Source) -> Program:
    """For a server of that version. Raises MissingExtra, naming versions and packages."""
    return fitting(client_programs("pg_dump", source), "pg_dump", server)


def pg_restore(server: str, source: Source) -> Program:
    """The same for restoring into a server of that version."""
    return fitting(client_programs("pg_restore", source), "pg_restore", server)


def fitting(found: Sequence[Program], name: str, server: str) -> Program:
    """The oldest that is not older than the server: what a newer one writes an older one may not read."""
    major = int(server.partition(".")[0])
    package = f"apt-get install postgresql-client-{major}"
    if not found:
        raise MissingExtra(f"no {name} found; the server is Postgres {server}", hint=f"{package}   or: {_EXTRA}")
    able = [program for program in found if program.major >= major]
    if not able:
        newest = max(found, key=lambda program: program.version)
        text = f"the server is Postgres {server}, and the newest {name} here is {shown(newest)} ({newest.path})"
        raise MissingExtra(f"{text}: it refuses a newer server", hint=f"{package}   or: {_EXTRA}")
    return min(able, key=lambda program: program.major)


def shown(program: Program) -> str:
    return ".".join(map(str, program.version))
