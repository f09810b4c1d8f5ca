"""Worker processes on a few "machines": each machine has a way of its own to Redis and to Postgres, through proxies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.proxy import FaultProxy

STUB = (sys.executable, "-m", "tests.chaos.stub_worker", "worker")
REAL = (sys.executable, "-m", "lomi_ops", "worker")
MARK = "CHAOS_RUN"
"""Every process of a run has this in its environment, and hands it on."""
_NOT_OURS = ("LOMI_", "REDIS_", "DB_", "S3_", "COMPREFACE_", "PG")


@dataclass(frozen=True)
class Cable:
    """Our end of the only network that a machine has."""

    link: str

    def plug(self, up: bool) -> None:
        """Nothing tells either side that packets go nowhere."""
        subprocess.run(["ip", "link", "set", self.link, "up" if up else "down"], check=True, capture_output=True)


@dataclass(frozen=True)
class Clock:
    """The wall clock of a machine, as libfaketime shows it to the machine's processes; it can be set while they run."""

    file: Path
    library: str

    def set(self, ahead_s: int) -> None:
        self.file.write_text(f"{ahead_s:+d}\n")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": self.library,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@dataclass(frozen=True)
class Machine:
    """A name for the log, and the ways out of it."""

    name: str
    redis: FaultProxy
    postgres: FaultProxy
    cable: Cable | None = None
    clock: Clock | None = None
    prefix: tuple[str, ...] = ()
    """Before the command of a worker."""

    def close(self) -> None:
        self.redis.close()
        self.postgres.close()


@dataclass
class Worker:
    machine: Machine
    process: subprocess.Popen[bytes]
    log: Path
    leaving: bool = False
    """It was told to drain."""
    frozen: bool = False
    killed: bool = False
    """Though it may take a moment to be gone."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            self.process.send_signal(number)

    @property
    def ready(self) -> bool:
        return any(line["action"] == "worker_ready" for line in self.lines())

    def lines(self) -> Iterator[dict[str, Any]]:
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    yield json.loads(line)
                except ValueError:  # killed in the middle of a line
                    continue


@dataclass
class Fleet:
    """Keeps `per_machine` workers running on each machine: what ended is replaced."""

    run: str
    folder: Path
    machines: Sequence[Machine]
    redis_url: str
    database_url: str
    objects: Path | None
    """A folder; None where `settings` names an S3 server."""
    settings: dict[str, str]
    """Further variables, e.g. LOMI_WORKER__LEASE_S."""
    command: Sequence[str] = STUB
    per_machine: int = 2
    workers: list[Worker] = field(default_factory=list)
    gone: list[Worker] = field(default_factory=list)
    exits: Counter[str] = field(default_factory=Counter)

    def fill(self) -> None:
        """Notes who has ended, and starts whoever is missing."""
        for worker in [worker for worker in self.workers if not worker.alive]:
            self.workers.remove(worker)
            self.gone.append(worker)
            self.exits[_ending(worker)] += 1
        for machine in self.machines:
            here = [worker for worker in self.workers if worker.machine is machine and not worker.leaving]
            for _ in range(self.per_machine - len(here)):
                self._start(machine)

    def _start(self, machine: Machine) -> None:
        log = self.folder / f"{machine.name}-{len(self.workers) + len(self.gone)}-{time.monotonic_ns()}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                (*machine.prefix, *self.command),
                env=self._environment(machine),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
        self.workers.append(Worker(machine, process, log))

    def _environment(self, machine: Machine) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        folder = {} if self.objects is None else {"LOMI_OBJECTS": str(self.objects)}
        return (
            kept
            | folder
            | {
                MARK: self.run,
                **(machine.clock.environment if machine.clock else {}),
                "LOMI_REDIS_URL": through(self.redis_url, machine.redis),
                "LOMI_DATABASE_URL": through(self.database_url, machine.postgres),
                "LOMI_LOG__FORMAT": "json",
                "LOMI_WORKER__HEALTH_FILE": str(self.folder / f"{machine.name}-{time.monotonic_ns()}.health"),
                **self.settings,
            }
        )

    def pick(self, victim: int, *, ready: bool = False) -> Worker | None:
        """One that runs and nobody has touched; where asked, one that has started up."""
        free = [w for w in self.workers if w.alive and not (w.frozen or w.leaving or w.killed)]
        if ready:
            free = [worker for worker in free if worker.ready]
        return free[victim % len(free)] if free else None

    def drain(self, seconds: float) -> None:
        """Tells everybody to go; who does not is killed."""
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            if not worker.leaving:  # a second signal could meet an interpreter that is closing, and no handler
                worker.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for worker in self.workers:
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def undrained(self) -> list[str]:
        """How workers ended that did not leave in order when told to: before it is ready, a worker has no order."""
        told = (*self.workers, *(worker for worker in self.gone if worker.leaving))
        return [_ending(worker) for worker in told if worker.process.returncode != 0 and worker.ready]

    def abandon(self) -> None:
        """Whatever happened: nothing of this run stays behind."""
        for worker in self.workers:
            if worker.alive:
                worker.process.kill()
                worker.process.wait()

    def deserters(self) -> list[str]:
        """How workers ended that nobody had told to go, or killed. One whose judge is killed while it loads its models
        says that it cannot judge here, and goes: whoever supervises it starts it again."""
        return [_ending(w) for w in self.gone if not w.leaving and _ending(w) != "SIGKILL" and not _unfit(w)]

    def lines(self) -> Iterator[dict[str, Any]]:
        """All that the workers have logged."""
        for worker in (*self.gone, *self.workers):
            yield from worker.lines()


def _unfit(worker: Worker) -> bool:
    said = [line for line in worker.lines() if line["action"] == "worker_cannot_go_on"]
    return _ending(worker) == "exit 3" and any("loading the models" in line["msg"] for line in said)


def through(url: str, proxy: FaultProxy) -> str:
    """The same URL, by way of a proxy."""
    port = urlsplit(url).port
    return url.replace(f"127.0.0.1:{port}/", f"{proxy.host}:{proxy.port}/")


def children(pid: int) -> list[int]:
    """Of a process that may be gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def leftovers(run: str) -> list[int]:
    """Processes of a run that are still there, this one excepted."""
    mark = f"{MARK}={run}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def _ending(worker: Worker) -> str:
    code = worker.process.returncode
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
