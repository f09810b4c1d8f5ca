"""A Postgres and a Redis of this machine for a trial, made by the code of the local stack and gone afterwards."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lomi_ops.errors import MissingExtra, StackError
from lomi_ops.ops.local import binaries, logs, owner, ports, process
from lomi_ops.ops.local.binaries import Program, Source
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.owner import ServiceUser
from lomi_ops.ops.local.postgres import PostgresService, ensure_database, hand_over, initialise
from lomi_ops.ops.local.redis import RedisService
from lomi_ops.ops.local.service import Service
from lomi_ops.ops.local.state import StackState

START_S = 60.0
_LOOK_S = 0.05
_QUICK = "\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
"""Nothing in there has to outlive a power cut."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where the two are, passwords included."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


def postgres_for(major: int, source: Source) -> Program:
    """A server that reads what one of that version, or an older one, has written; the oldest that does.

    Raises MissingExtra.
    """
    found = binaries.postgres_programs(source)
    able = [program for program in found if program.major >= major]
    if not able:
        seen = ", ".join(sorted({str(program.major) for program in found}, key=int))
        raise MissingExtra(
            f"a trial needs Postgres {major} or later on this machine, and only {seen} was found",
            hint=f"apt-get install postgresql-{major}   or: pip install 'lomi-ops[local]'",
        )
    return min(able, key=lambda program: program.major)


@contextmanager
def running(folder: Path, program: Program, source: Source) -> Iterator[Scratch]:
    """Both servers, empty, in that folder. Raises StackError, MissingExtra."""
    user, layout = owner.choose(), _layout(folder)
    owner.require_way(user, folder)
    state = _make(layout, user, program, source)
    with ExitStack() as ending:
        for service in (RedisService(layout, user), PostgresService(layout, user)):
            ending.enter_context(_served(service, state))
        ensure_database(state)
        yield Scratch(state.database_url(), state.redis_url())


def clear(folder: Path) -> None:
    """Ends the servers that a killed trial has left in its folder."""
    layout = _layout(folder)
    for service in (RedisService(layout, None), PostgresService(layout, None)):
        if (left := service.survivor()) is not None:
            process.send(left, signal.SIGQUIT if service.name == "postgres" else signal.SIGKILL)
            process.wait_gone(left, service.endings[-1][1])


def _layout(folder: Path) -> Layout:
    return Layout(folder / "stack")


def _make(layout: Layout, user: ServiceUser | None, program: Program, source: Source) -> StackState:
    for path, mode in ((layout.folder, 0o711), (layout.logs, 0o700), (layout.binaries, 0o755)):
        path.mkdir()
        path.chmod(mode)
    redis_port = ports.choose()
    state = StackState(
        redis_port=redis_port,
        postgres_port=ports.choose(avoid=redis_port),
        redis_password=secrets.token_hex(16),
        postgres_password=secrets.token_hex(16),
        workers=0,
        service_user=user.name if user else None,
        redis_program=str(owner.runnable(binaries.redis_programs(source), user, layout.binaries)),
        postgres_program=str(owner.runnable((program,), user, layout.binaries)),
    )
    for path in (layout.redis, layout.postgres):
        hand_over(path, user)
    data = layout.postgres_data
    initialise(Path(state.postgres_program), data, state.postgres_password, user, durable=False)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(_QUICK)
    return state


@contextmanager
def _served(service: Service, state: StackState) -> Iterator[None]:
    """The service until the end, which is quick: its data go with it."""
    try:
        child = service.spawn(state)
    except OSError as problem:
        raise StackError(f"the {service.name} for the trial does not start: {problem.strerror}") from problem
    try:
        deadline = time.monotonic() + START_S
        while not service.answers(state, "", 0.0):
            if child.poll() is not None or time.monotonic() > deadline:
                why = logs.reason(logs.since(service.log, 0))
                raise StackError(f"the {service.name} for the trial does not start: {why}")
            time.sleep(_LOOK_S)
        yield
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGQUIT if service.name == "postgres" else signal.SIGKILL)
        child.wait(service.endings[0][1])
