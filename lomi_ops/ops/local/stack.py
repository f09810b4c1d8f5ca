"""Starting, finding, showing and ending the stack of one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lomi_ops.config.env import CONFIG, ENV_FILE
from lomi_ops.config.paths import config_files
from lomi_ops.errors import Refused, StackError
from lomi_ops.ops.local import files, logs, owner, ports, process, record, state
from lomi_ops.ops.local.binaries import Program, Source, postgres_programs, redis_programs
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.owner import ServiceUser
from lomi_ops.ops.local.postgres import data_version, hand_over, initialise
from lomi_ops.ops.local.record import SUPERVISOR, WORKER, PartState, StackRecord
from lomi_ops.ops.local.state import Connection, StackState
from lomi_ops.ops.local.status import StackStatus, describe
from lomi_ops.ops.local.supervisor import end_orphans
from lomi_ops.version import __version__

DEFAULT_WORKERS = 1
START_S = 180.0
"""How long `up` waits for the parts; recovery after a crash may take a while."""
END_S = 240.0
"""How long `down` waits: draining workers, then a shutdown of Postgres with a checkpoint."""

PATIENCE_S = 6.0
"""Failures of services before that may pass: what a killed server has left takes a moment to go."""

_TOLERATED = frozenset({"run", "lost+found"})
"""What a folder may hold and still become a stack's: an interrupted first `up`, a fresh file system."""

Say = Callable[[str], None]


def supervisor_command(layout: Layout) -> tuple[str, ...]:
    return (sys.executable, "-m", "lomi_ops", "_supervise", "--data", str(layout.folder))


def up(
    layout: Layout,
    *,
    workers: int | None = None,
    source: Source = Source.AUTO,
    say: Say = lambda text: None,
    command: tuple[str, ...] | None = None,
    environ: Mapping[str, str] = os.environ,
    wait_s: float = START_S,
) -> StackStatus:
    """Starts what does not run, finds what does, and returns when every part runs or has failed.

    `workers` None keeps the recorded number. `command` starts the supervisor. Raises MissingExtra, StackError,
    and LockHeld when another `up` or `down` does not end in time. A worker that fails is in the answer, not raised.
    """
    _require_linux()
    _make_folder(layout)
    with files.locked(layout.command_lock, who="another `lomi up` or `lomi down`", wait_s=wait_s):
        if _supervised(layout) and record.read(layout).version != __version__:
            say("restarting the stack, it was started by another version of lomi")
            _end(layout, END_S)
        if _supervised(layout):
            reloads = _retune(layout, workers)
        else:
            _provision(layout, _claim(layout, workers, source, say), say)
            reloads = 0
            _launch(layout, command or supervisor_command(layout), environ)
        return _await(layout, reloads, time.monotonic() + wait_s, say)


def down(
    layout: Layout, *, purge: bool = False, worker_command: tuple[str, ...] | None = None, wait_s: float = END_S
) -> tuple[str, ...]:
    """Drains the workers, ends the services, and with `purge` removes the folder's content.

    Returns the names of the parts that ran. Raises StackError when there is no stack or it does not end in time,
    LockHeld when `up` is at work.
    """
    _require_linux()
    if not state.exists(layout):
        raise StackError(f"there is no stack in {layout.folder}", hint="lomi up")
    with files.locked(layout.command_lock, who="another `lomi up` or `lomi down`", wait_s=wait_s):
        ran = tuple(part.name for part in record.read(layout).parts if process.alive(part.process))
        _end(layout, wait_s, worker_command)
        if purge:
            _purge(layout)
    return ran


def status(layout: Layout) -> StackStatus:
    """What runs now. Raises StackError when there is no stack in the folder."""
    return describe(layout, state.load(layout), record.read(layout), time.time())


def connection(layout: Layout) -> Connection:
    """Where to connect to, passwords included. Raises StackError when there is no stack in the folder."""
    return state.connection(layout, state.load(layout))


def _require_linux() -> None:
    if not Path("/proc/self/stat").exists():
        raise StackError(
            "the local stack needs Linux with /proc", hint="point lomi at services of your own: lomi config show"
        )


def _make_folder(layout: Layout) -> None:
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
    elif others := sorted({entry.name for entry in layout.folder.iterdir()} - _TOLERATED):
        raise StackError(
            f"{layout.folder} is not empty and not a stack's folder: it holds {others[0]}",
            hint="choose an empty or a new folder: lomi up --data DIR",
        )


def _supervised(layout: Layout) -> bool:
    return process.alive(record.read(layout).supervisor)


def _retune(layout: Layout, workers: int | None) -> int:
    """Tells the supervisor to read the state again. Returns how often it will have done so by then."""
    current = record.read(layout)
    if workers is not None:
        state.update(layout, lambda before: replace(before, workers=workers))
    if current.supervisor:
        process.send(current.supervisor, signal.SIGHUP)
    return current.reloads + 1


def _claim(layout: Layout, workers: int | None, source: Source, say: Say) -> StackState:
    """The state of this folder with programs that exist today; a new one for a new folder."""
    known = state.load(layout) if state.exists(layout) else None
    user = owner.choose(recorded=known.service_user if known else None)
    for folder in (layout.logs, layout.objects):
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


def _provision(layout: Layout, current: StackState, say: Say) -> None:
    user = owner.choose(recorded=current.service_user)
    for folder in (layout.redis, layout.postgres):
        hand_over(folder, user)
    if data_version(layout.postgres_data) is None:
        say("creating the database")
        initialise(Path(current.postgres_program), layout.postgres_data, current.postgres_password, user)


def _launch(layout: Layout, command: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Starts the supervisor, which detaches itself. Its early complaints go to its log."""
    log = layout.log(SUPERVISOR)
    before = logs.size(log)
    with logs.opened(log) as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=layout.folder,
            env=_absolute(environ),
            check=False,
        )
    if done.returncode != 0:
        raise StackError(f"the supervisor did not start: {logs.reason(logs.since(log, before))}", hint=f"see {log}")


def _absolute(environ: Mapping[str, str]) -> dict[str, str]:
    """The supervisor and its workers live in another folder than their caller: what this one names, or has in its
    `lomi.yaml`, keeps its meaning."""
    fixed = dict(environ)
    for name in (CONFIG, ENV_FILE, "LOMI_MODELS"):
        if environ.get(name):
            fixed[name] = str(Path(environ[name]).expanduser().absolute())
    here = config_files(environ, Path.cwd())[0]
    if not environ.get(CONFIG) and here.is_file():
        fixed[CONFIG] = str(here)
    return fixed


def _await(layout: Layout, reloads: int, deadline: float, say: Say) -> StackStatus:
    """Waits until every part runs or has failed. Raises StackError for a service that fails or takes too long."""
    said = ""
    began = time.monotonic()
    while True:
        wanted, current = state.load(layout), record.read(layout)
        waited_s = time.monotonic() - began
        if process.alive(current.supervisor):
            if current.reloads >= reloads:
                if waited_s > PATIENCE_S:
                    _raise_failures(layout, current)
                if _settled(current, wanted.workers):
                    return describe(layout, wanted, current, time.time())
        elif waited_s > PATIENCE_S:
            raise StackError("the supervisor does not run", hint=f"see {layout.log(SUPERVISOR)}")
        if (waiting := _waiting_for(current)) != said:
            said = waiting
            say(waiting)
        if time.monotonic() > deadline:
            raise StackError(f"the stack is not up in time: {waiting}", hint=f"see the logs in {layout.logs}")
        time.sleep(0.05)


def _settled(current: StackRecord, workers: int) -> bool:
    """True when the services run and the wanted workers have started or failed."""
    staying = [part for part in current.parts if part.state is not PartState.STOPPING]
    done = (PartState.RUNNING, PartState.FAILED)
    counted = [part for part in staying if part.name.startswith(WORKER)]
    return (
        current.workers == workers == len(counted)
        and all(part.state in done for part in staying)
        and all(part.state is PartState.RUNNING for part in staying if part not in counted)
    )


def _raise_failures(layout: Layout, current: StackRecord) -> None:
    if current.error:
        raise StackError(current.error, hint=f"see {layout.log(SUPERVISOR)}")
    for part in current.parts:
        if part.state is PartState.FAILED and not part.name.startswith(WORKER):
            raise StackError(f"{part.name} does not start: {part.error}", hint=f"see {layout.log(part.name)}")


def _waiting_for(current: StackRecord) -> str:
    names = [part.name for part in current.parts if part.state in (PartState.STARTING, PartState.RESTARTING)]
    return f"waiting for {', '.join(names)}" if names else "waiting for the supervisor"


def _end(layout: Layout, wait_s: float, worker_command: tuple[str, ...] | None = None) -> None:
    """Ends the supervisor with its parts; then whatever a killed supervisor has left."""
    current = record.read(layout)
    told = current.supervisor is not None and process.send(current.supervisor, signal.SIGTERM)
    if told and current.supervisor and not process.wait_gone(current.supervisor, wait_s):
        raise StackError(f"the stack has not ended in {wait_s:.0f} s", hint="lomi status")
    end_orphans(layout, worker_command=worker_command)


def _purge(layout: Layout) -> None:
    """Removes everything in the folder, its mark last: an interrupted purge can be repeated. Raises Refused."""
    folder = layout.folder
    if folder == Path(folder.anchor) or folder == Path.home() or not stat.S_ISREG(layout.state.lstat().st_mode):
        raise Refused(f"{folder} does not look like a stack's folder")
    try:
        for entry in sorted(folder.iterdir(), key=lambda path: path.name == layout.state.name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as problem:
        raise StackError(f"cannot remove {problem.filename}: {problem.strerror}") from problem
    if os.access(folder.parent, os.W_OK):
        folder.rmdir()
