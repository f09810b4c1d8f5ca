"""The one process per stack that keeps Redis, Postgres and the workers running.

It can be killed at any time: its parts live on, and the next supervisor takes them over. SIGTERM ends the stack,
SIGHUP makes it read the state file again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from lomi_ops.errors import LomiError
from lomi_ops.ops.local import epitaph, files, logs, ports, process, record, state
from lomi_ops.ops.local.daemon import mailbox
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.owner import choose
from lomi_ops.ops.local.part import Part
from lomi_ops.ops.local.postgres import PostgresService
from lomi_ops.ops.local.preparation import Preparation, Prepare, prepare_database, sentence
from lomi_ops.ops.local.record import SUPERVISOR, WORKER, PartState, StackRecord
from lomi_ops.ops.local.redis import RedisService
from lomi_ops.ops.local.state import StackState
from lomi_ops.ops.local.worker import GRACE_S, WorkerService, default_command
from lomi_ops.version import __version__

_QUICK_S = 0.05
_IDLE_S = 1.0

_LOG = logging.getLogger(__name__)


def supervise(
    layout: Layout,
    *,
    worker_command: tuple[str, ...] | None = None,
    prepare: Prepare = prepare_database,
    grace_s: float = GRACE_S,
) -> None:
    """Runs until SIGTERM or SIGINT, or until the stack's folder is gone. Raises LockHeld when another one runs."""
    supervisor = Supervisor(layout, worker_command or default_command(layout), prepare, grace_s)
    with (
        files.locked(layout.supervisor_lock, who="a supervisor"),
        mailbox(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD) as box,
    ):
        supervisor.adopt()
        while layout.state.exists():
            supervisor.tick()
            arrived = box.wait(supervisor.pause_s())
            if arrived & {signal.SIGTERM, signal.SIGINT}:
                break
            if signal.SIGHUP in arrived:
                supervisor.reload()
        supervisor.shut_down(wait=box.wait)


def end_orphans(layout: Layout, *, worker_command: tuple[str, ...] | None = None, grace_s: float = GRACE_S) -> None:
    """Ends the parts of a stack whose supervisor is dead. Raises LockHeld when it is not."""
    supervisor = Supervisor(layout, worker_command or default_command(layout), prepare_database, grace_s)
    with files.locked(layout.supervisor_lock, who="a supervisor"):
        supervisor.adopt()
        supervisor.shut_down(wait=time.sleep)


class Supervisor:
    """All of its state; one thread. `tick` does what is due and never waits for the end of a part."""

    def __init__(self, layout: Layout, command: tuple[str, ...], prepare: Prepare, grace_s: float) -> None:
        self._layout = layout
        self._command = command
        self._grace_s = grace_s
        self._state = state.load(layout)
        user = choose(recorded=self._state.service_user)
        self._redis = Part(RedisService(layout, user))
        self._postgres = Part(PostgresService(layout, user))
        self._workers: list[Part] = []
        self._preparation = Preparation(prepare)
        self._round_error = ""
        self._since = time.time()
        self._reloads = 0
        self._written: StackRecord | None = None

    def adopt(self) -> None:
        """Finds what an earlier supervisor left running."""
        now, known = time.monotonic(), record.read(self._layout)
        for part in (self._redis, self._postgres):
            noted = known.part(part.name)
            if noted and noted.process and process.alive(noted.process):
                # One that was being ended will be gone soon; then it is started anew.
                going = noted.state is PartState.STOPPING
                part.adopt(noted.process, replace(noted, state=PartState.RUNNING) if going else noted, now)
            elif found := part.service.survivor():
                part.adopt(found, None, now)
        for noted in known.parts:
            if noted.name.startswith(WORKER) and noted.process and process.alive(noted.process):
                self._add_worker(int(noted.name.removeprefix(WORKER))).adopt(noted.process, noted, now)
        mine = {worker.process for worker in self._workers}
        for stray in process.leaders(self._command):
            if stray not in mine:
                self._add_worker(self._free_number()).adopt(stray, None, now)

    def reload(self) -> None:
        """Reads the wanted number of workers again and lets everything that waits try at once."""
        try:
            self._state = state.load(self._layout)
        except LomiError as problem:
            _LOG.error("%s", problem.message)
            return
        self._reloads += 1
        self._preparation.hurry()
        for part in self._parts():
            part.hurry()

    def tick(self) -> None:
        """One round. A full disk or a bug in it must not end the supervision: the record says what is wrong."""
        try:
            self._round(time.monotonic())
            self._round_error = ""
        except Exception as problem:  # noqa: BLE001 - the edge of the supervisor
            _LOG.exception("this round failed; the next one follows")
            self._round_error = f"the supervisor cannot do its work: {sentence(problem)}"
        with contextlib.suppress(OSError):
            self._note()

    def _round(self, now: float) -> None:
        for part in self._parts():
            part.watch(self._state, now)
        self._start_services(now)
        if self._services_run():
            self._preparation.advance(self._state, now)
        self._keep_workers(now)
        for part in self._parts():
            logs.rotate(part.service.log)
        logs.rotate(self._layout.log(SUPERVISOR))

    def pause_s(self) -> float:
        """Seconds until something may be due."""
        moving = (PartState.STARTING, PartState.STOPPING)
        if any(part.state in moving for part in self._parts()) or self._unsettled():
            return _QUICK_S
        now = time.monotonic()
        startable = self._parts() if self._ready_for_workers() else [self._redis, self._postgres]
        return min([_IDLE_S, *(max(_QUICK_S, part.not_before - now) for part in startable if part.waiting)])

    def shut_down(self, wait: Callable[[float], object]) -> None:
        """Ends the workers, then the services; returns when all are gone."""
        _LOG.info("stopping")
        self._end(self._workers, wait)
        self._end([self._redis, self._postgres], wait)
        self._note(ended=True)
        _LOG.info("stopped")

    def _parts(self) -> list[Part]:
        return [self._redis, self._postgres, *self._workers]

    def _unsettled(self) -> bool:
        """True while the next tick has something to do that no part's state shows."""
        return self._services_run() and self._preparation.due(time.monotonic())

    def _services_run(self) -> bool:
        return self._redis.state is PartState.RUNNING and self._postgres.state is PartState.RUNNING

    def _ready_for_workers(self) -> bool:
        return self._preparation.done and self._services_run()

    def _start_services(self, now: float) -> None:
        if self._due(self._redis, now):
            if not ports.is_free(self._state.redis_port):
                redis_port = ports.choose(avoid=self._state.postgres_port)
                self._move(lambda before: replace(before, redis_port=redis_port), now)
            self._redis.start(self._state, now)
        if self._due(self._postgres, now):
            if not ports.is_free(self._state.postgres_port):
                postgres_port = ports.choose(avoid=self._state.redis_port)
                self._move(lambda before: replace(before, postgres_port=postgres_port), now)
            self._postgres.start(self._state, now)

    def _due(self, part: Part, now: float) -> bool:
        return part.waiting and now >= part.not_before

    def _move(self, change: Callable[[StackState], StackState], now: float) -> None:
        """Records another port, since somebody else listens on ours. Workers know only the old one: new ones come."""
        _LOG.warning("a port is taken by another program, moving")
        self._state = state.update(self._layout, change)
        for worker in self._workers:
            worker.stop(now)

    def _keep_workers(self, now: float) -> None:
        """As many workers as wanted: starts missing ones, drains the highest numbers of too many."""
        self._workers = [worker for worker in self._workers if worker.state is not PartState.STOPPED]
        staying = [worker for worker in self._workers if worker.state is not PartState.STOPPING]
        for worker in staying[self._state.workers :]:
            worker.stop(now)
        for _ in range(self._state.workers - len(staying)):
            self._add_worker(self._free_number())
        for worker in self._workers:
            if self._ready_for_workers() and self._due(worker, now):
                worker.start(self._state, now)

    def _add_worker(self, number: int) -> Part:
        service = WorkerService(self._layout, number, self._command, self._grace_s)
        worker = Part(service, mourn=lambda pid, why: epitaph.write(self._state.redis_url(), pid, why))
        self._workers = sorted([*self._workers, worker], key=lambda part: int(part.name.removeprefix(WORKER)))
        return worker

    def _free_number(self) -> int:
        taken = {worker.name for worker in self._workers}
        return next(number for number in range(1, len(taken) + 2) if f"{WORKER}{number}" not in taken)

    def _end(self, parts: list[Part], wait: Callable[[float], object]) -> None:
        for part in parts:
            part.stop(time.monotonic())
        while any(part.state is PartState.STOPPING for part in parts):
            self._note()
            wait(_QUICK_S)
            for part in parts:
                part.watch(self._state, time.monotonic())

    def _note(self, *, ended: bool = False) -> None:
        """Writes the record where it has changed. A folder that somebody removed is noticed by the loop."""
        current = StackRecord(
            supervisor=None if ended else process.identify(os.getpid()),
            since=self._since,
            version=__version__,
            workers=self._state.workers,
            reloads=self._reloads,
            error=self._round_error or self._preparation.error,
            parts=tuple(part.record() for part in self._parts() if not (ended and part.name.startswith(WORKER))),
        )
        if current == self._written or not self._layout.run.is_dir():
            return
        record.write(self._layout, current)
        self._written = current
