"""A server whose data stay: filled once in half an hour, measured as often as one likes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lomi_ops.ops.local import owner
from lomi_ops.ops.local.binaries import postgres_programs, wanted_source
from lomi_ops.ops.local.postgres import hand_over, initialise
from tests.services import PostgresServer, free_port

SETTINGS = ("max_connections=200", "shared_buffers=1GB")


@contextmanager
def kept_server(folder: Path, *settings: str) -> Iterator[PostgresServer]:
    """Made where the folder has none; stopped at the end, and not removed."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    user, data = owner.choose(), folder / "postgres" / "data"
    program = owner.runnable(postgres_programs(wanted_source()), user, folder)
    hand_over(data.parent, user)
    initialise(program, data, _password(folder / "password"), user, durable=False)
    server = PostgresServer(program, data, free_port(), _password(folder / "password"), settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _password(file: Path) -> str:
    if not file.exists():
        file.write_text(secrets.token_hex(8))
        file.chmod(0o600)
    return file.read_text()
