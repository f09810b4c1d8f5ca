"""Starting, finding, showing and ending the stack of one folder."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lomi_ops.config.env import CONFIG, ENV_FILE
from lomi_ops.config.paths import config_files
from lomi_ops.errors import Refused, StackError
from lomi_ops.ops.local import files, logs, process, record, state
from lomi_ops.ops.local.arrival import arrived
from lomi_ops.ops.local.binaries import Source
from lomi_ops.ops.local.claim import claim, make_folder, provision
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.record import SUPERVISOR
from lomi_ops.ops.local.state import Connection
from lomi_ops.ops.local.status import StackStatus, describe
from lomi_ops.ops.local.supervisor import end_orphans
from lomi_ops.version import __version__

START_S = 180.0
"""How long `up` waits for the parts; recovery after a crash may take a while."""
END_S = 240.0
"""How long `down` waits: draining workers, then a shutdown of Postgres with a checkpoint."""

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
    make_folder(layout)
    with files.locked(layout.command_lock, who="another `lomi up` or `lomi down`", wait_s=wait_s):
        if _supervised(layout) and record.read(layout).version != __version__:
            say("restarting the stack, it was started by another version of lomi")
            _end(layout, END_S)
        deadline = time.monotonic() + wait_s
        if _supervised(layout) and (found := arrived(layout, deadline, say, reloads=_retune(layout, workers))):
            return found
        provision(layout, claim(layout, workers, source, say), say)
        _launch(layout, command or supervisor_command(layout), environ)
        return arrived(layout, deadline, say) or _no_supervisor(layout)


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


def _supervised(layout: Layout) -> bool:
    return process.alive(record.read(layout).supervisor)


def _no_supervisor(layout: Layout) -> NoReturn:
    raise StackError("the supervisor does not stay", hint=f"see {layout.log(SUPERVISOR)}")


def _retune(layout: Layout, workers: int | None) -> int:
    """Tells the supervisor to read the state again. Returns how often it will have done so by then."""
    current = record.read(layout)
    if workers is not None:
        state.update(layout, lambda before: replace(before, workers=workers))
    if current.supervisor:
        process.send(current.supervisor, signal.SIGHUP)
    return current.reloads + 1


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
