"""What a stack is: its ports, passwords, number of workers. One private file, replaced at once, never edited."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lomi_ops.errors import StackError
from lomi_ops.ops.local import files
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.ports import LOOPBACK

SCHEMA = "lomi.stack/v1"
DATABASE = "lomi"
ROLE = "lomi"


@dataclass(frozen=True, slots=True)
class StackState:
    """The content of `stack.json`. Passwords stay out of its repr."""

    redis_port: int
    postgres_port: int
    redis_password: str = field(repr=False)
    postgres_password: str = field(repr=False)
    workers: int
    service_user: str | None
    """Owner of the services' data; None: whoever created the stack."""
    redis_program: str
    postgres_program: str

    def redis_url(self) -> str:
        return f"redis://:{self.redis_password}@{LOOPBACK}:{self.redis_port}/0"

    def database_url(self, database: str = DATABASE) -> str:
        return f"postgresql://{ROLE}:{self.postgres_password}@{LOOPBACK}:{self.postgres_port}/{database}"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the services of a stack are, passwords included."""

    redis_url: str = field(repr=False)
    database_url: str = field(repr=False)
    objects: str
    """`file://` URL of a folder with `<bucket>/<key>` files."""


def connection(layout: Layout, state: StackState) -> Connection:
    return Connection(state.redis_url(), state.database_url(), layout.objects.as_uri())


def exists(layout: Layout) -> bool:
    """True for a folder that `lomi up` made: its state file says so, even when the rest is damaged.

    Raises StackError when the folder is not ours to look into.
    """
    try:
        head = layout.state.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except PermissionError as closed:
        raise _foreign(layout.state, "is not readable for this user") from closed
    return f'"{SCHEMA.split("/")[0]}/v' in head


def load(layout: Layout) -> StackState:
    """Raises StackError when there is no stack, when it is not ours to read, or when the file is damaged."""
    if not exists(layout):
        raise StackError(f"there is no stack in {layout.folder}", hint="lomi up")
    text = layout.state.read_text(encoding="utf-8", errors="replace")
    try:
        return _parse(json.loads(text))
    except (ValueError, KeyError, TypeError) as damage:
        raise StackError(
            f"{layout.state} is damaged: {type(damage).__name__}",
            hint=f"restore it from a backup, or start afresh: lomi down --purge --data {layout.folder}",
        ) from None  # the damaged text may hold passwords: keep it out of the trace


def save(layout: Layout, state: StackState) -> None:
    """`config/stack_file.py` reads the same file: keys may be added, never renamed."""
    files.write_private(layout.state, json.dumps({"schema": SCHEMA, **asdict(state)}, indent=2) + "\n")


def update(layout: Layout, change: Callable[[StackState], StackState]) -> StackState:
    """Reads, changes and writes under a lock: `up` and the supervisor both change their fields."""
    with files.locked(layout.state_lock, who="another program", wait_s=10):
        before = load(layout)
        after = change(before)
        if after != before:
            save(layout, after)
        return after


def _parse(body: dict[str, object]) -> StackState:
    if body["schema"] != SCHEMA:
        raise ValueError("schema")
    user = body["service_user"]
    return StackState(
        redis_port=_integer(body["redis_port"]),
        postgres_port=_integer(body["postgres_port"]),
        redis_password=str(body["redis_password"]),
        postgres_password=str(body["postgres_password"]),
        workers=_integer(body["workers"]),
        service_user=None if user is None else str(user),
        redis_program=str(body["redis_program"]),
        postgres_program=str(body["postgres_program"]),
    )


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a whole number")
    return value


def _foreign(path: Path, why: str) -> StackError:
    return StackError(f"{path} {why}", hint="run lomi as the user who made the stack, or choose --data DIR")
