"""Making a folder a stack's: whose it is, which programs and ports it has, its first data."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lomi_ops.config.sections.services import DEFAULT_BUCKET
from lomi_ops.errors import StackError
from lomi_ops.ops.local import owner, ports, state
from lomi_ops.ops.local.binaries import Program, Source, postgres_programs, redis_programs
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.owner import ServiceUser
from lomi_ops.ops.local.postgres import data_version, hand_over, initialise
from lomi_ops.ops.local.state import StackState

DEFAULT_WORKERS = 1

_EMPTY = frozenset({"run", "lost+found"})
"""What a folder may hold and still count as empty: a mark of ours, the one of a fresh file system."""

Say = Callable[[str], None]


def make_folder(layout: Layout) -> None:
    """Creates the folder and its `run`, or makes sure that an existing one is ours to use. Raises StackError."""
    folder = layout.folder
    user = owner.choose()
    owner.require_way(user, folder)
    try:
        for parent in [path for path in reversed(folder.parents) if not path.exists()]:
            parent.mkdir()
            parent.chmod(0o755 if user else 0o700)
        folder.mkdir(exist_ok=True)
        _require_ours(layout)
        folder.chmod(0o711 if user else 0o700)
        layout.run.mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise StackError(
            f"cannot use {folder} for a stack: {problem.strerror}", hint="lomi up --data DIR, with a folder of yours"
        ) from problem
    owner.require_way(user, folder)


def _require_ours(layout: Layout) -> None:
    if state.exists(layout):
        if (holder := layout.state.stat().st_uid) != os.geteuid():
            raise StackError(
                f"the stack in {layout.folder} belongs to the user with the id {holder}",
                hint="run lomi as that user, or choose another folder: lomi up --data DIR",
            )
        return
    others = sorted({entry.name for entry in layout.folder.iterdir()} - _EMPTY)
    if others and not layout.command_lock.exists():  # with the lock: an `up` that was interrupted had claimed it
        raise StackError(
            f"{layout.folder} is not empty and not a stack's folder: it holds {others[0]}",
            hint="choose an empty or a new folder: lomi up --data DIR",
        )


def claim(layout: Layout, workers: int | None, source: Source, say: Say) -> StackState:
    """The state of this folder with programs that exist today; a new one for a new folder."""
    known = state.load(layout) if state.exists(layout) else None
    user = owner.choose(recorded=known.service_user if known else None)
    for folder in (layout.logs, layout.objects, layout.objects / DEFAULT_BUCKET):
        folder.mkdir(mode=0o700, exist_ok=True)
    layout.binaries.mkdir(exist_ok=True)
    layout.binaries.chmod(0o755)
    redis = same_kind(redis_programs(source), known.redis_program if known else "")
    postgres = postgres_programs(source, major=data_version(layout.postgres_data))
    redis_program = str(owner.runnable(redis, user, layout.binaries))
    postgres_program = str(owner.runnable(postgres, user, layout.binaries))
    if known is None:
        say(f"setting up a stack in {layout.folder}")
        wanted = DEFAULT_WORKERS if workers is None else workers
        fresh = _fresh(user, wanted, redis_program, postgres_program)
        state.save(layout, fresh)
        return fresh
    wanted = known.workers if workers is None else workers
    return state.update(
        layout,
        lambda before: replace(before, workers=wanted, redis_program=redis_program, postgres_program=postgres_program),
    )


def same_kind(programs: tuple[Program, ...], recorded: str) -> tuple[Program, ...]:
    """Valkey stays Valkey and Redis stays Redis where there is a choice: data do not always travel between them."""
    return tuple(sorted(programs, key=lambda program: program.path.name != Path(recorded).name))


def _fresh(user: ServiceUser | None, workers: int, redis_program: str, postgres_program: str) -> StackState:
    redis_port = ports.choose()
    return StackState(
        redis_port=redis_port,
        postgres_port=ports.choose(avoid=redis_port),
        redis_password=secrets.token_hex(16),
        postgres_password=secrets.token_hex(16),
        workers=workers,
        service_user=user.name if user else None,
        redis_program=redis_program,
        postgres_program=postgres_program,
    )


def provision(layout: Layout, current: StackState, say: Say) -> None:
    user = owner.choose(recorded=current.service_user)
    for folder in (layout.redis, layout.postgres):
        hand_over(folder, user)
    if data_version(layout.postgres_data) is None:
        say("creating the database")
        initialise(Path(current.postgres_program), layout.postgres_data, current.postgres_password, user)
