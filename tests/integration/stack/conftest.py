"""A real stack whose workers only pretend, shared by the tests of one module: initdb runs once."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest

from lomi_ops.ops.local import claim, process, record, stack, state
from lomi_ops.ops.local.binaries import Source
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.postgres import initialise
from lomi_ops.ops.local.record import PartState
from lomi_ops.ops.local.status import PartStatus, StackStatus
from tests.integration.stack.supervise import worker_command
from tests.services import server_folder

_SCRIPT = Path(__file__).with_name("supervise.py")
_PATIENCE_S = 30.0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {_PATIENCE_S:.0f} s for: {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Stack:
    """One folder and what tests do to it."""

    layout: Layout
    source: Source = Source.AUTO
    grace_s: float = 30.0

    def up(self, workers: int | None = None, say: Callable[[str], None] = lambda text: None) -> StackStatus:
        command = (sys.executable, str(_SCRIPT), str(self.layout.folder), str(self.grace_s))
        root = Path(__file__).parents[3]
        environ = {**os.environ, "PYTHONPATH": str(root)}
        return stack.up(
            self.layout, workers=workers, source=self.source, command=command, say=say, environ=environ, wait_s=60
        )

    def down(self, *, purge: bool = False) -> tuple[str, ...]:
        return stack.down(self.layout, purge=purge, worker_command=worker_command(self.layout), wait_s=60)

    def status(self) -> StackStatus:
        return stack.status(self.layout)

    def state(self) -> state.StackState:
        return state.load(self.layout)

    def mode(self, how: str) -> None:
        (self.layout.folder / "worker.mode").write_text(how)

    def kill(self, part: PartStatus) -> None:
        assert part.pid is not None
        killed = process.identify(part.pid)
        assert killed is not None
        process.send(killed, signal.SIGKILL)
        assert process.wait_gone(killed, _PATIENCE_S)

    def recovered(self, name: str, killed: PartStatus) -> PartStatus:
        """Waits until another process runs in the place of the killed one."""
        found: list[PartStatus] = []

        def there() -> bool:
            found[:] = [part for part in self.status().parts if part.name == name]
            return bool(found) and found[0].state is PartState.RUNNING and found[0].pid != killed.pid

        until(there, f"{name} is back")
        return found[0]

    def alive(self) -> list[str]:
        """Names of recorded parts that live."""
        return [part.name for part in record.read(self.layout).parts if process.alive(part.process)]


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    with server_folder("lomi-stack-") as parent, pytest.MonkeyPatch.context() as patch:
        patch.setattr(claim, "initialise", partial(initialise, durable=False))
        one = Stack(Layout(parent / "stack"))
        yield one
        if state.exists(one.layout):
            one.down()


@pytest.fixture
def running(shared: Stack) -> Stack:
    """The shared stack with one worker, whatever the test before has done to it."""
    plain = not (shared.layout.folder / "worker.mode").exists()
    if plain and state.exists(shared.layout) and shared.status().healthy and len(shared.status().workers) == 1:
        return shared
    shared.up(0)
    until(lambda: not shared.status().workers, "old workers are gone")
    (shared.layout.folder / "worker.mode").unlink(missing_ok=True)
    shared.up(1)
    without_fsync(shared)
    return shared


def without_fsync(one: Stack) -> None:
    """Killing processes loses nothing that the kernel has; waiting for the disk would only make the tests slow."""
    with psycopg.connect(one.state().database_url(), autocommit=True) as session:
        session.execute("ALTER SYSTEM SET fsync = off")
        session.execute("SELECT pg_reload_conf()")


@pytest.fixture
def open_parent() -> Iterator[Path]:
    with server_folder("lomi-stack-") as folder:
        yield folder
