"""Looks at the cluster while it is under load: the queue, the memory of workers, the CPU of Postgres."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lomi_ops.db import server
from lomi_ops.db.pool import Database
from lomi_ops.domain import tally
from lomi_ops.domain.bench_load import Sample
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.errors import LomiError
from lomi_ops.queue.meter import Meter

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
CHILDREN, OWN = (13, 14), (11, 12)
"""Places of the CPU times in `/proc/PID/stat`, behind the name: of children that have ended, and its own."""


@dataclass(frozen=True, slots=True)
class Process:
    parent: int
    own_s: float
    """CPU seconds."""
    ended_s: float
    """CPU seconds of its children that have ended."""
    memory: int
    """Resident bytes."""


@dataclass(slots=True)
class Sampler:
    """One for a run; not for several threads at once."""

    meter: Meter
    database: Database
    host: str = field(default_factory=socket.gethostname)
    postmaster: int | None = None
    """The server's first process, where it runs on this machine and we see it."""
    _cpu: tuple[float, float] | None = None
    """When it was looked at last, and what Postgres had used by then, in seconds."""

    def begin(self) -> None:
        """Raises RedisUnavailable, DatabaseUnavailable."""
        self.meter.read()
        self.postmaster = self._find_postmaster()

    def take(self, at_s: float, decided: int) -> Sample:
        """Raises RedisUnavailable."""
        pulse, processes = self.meter.read(), dict(_processes())
        waiting = pulse.ready + pulse.high + pulse.bulk + pulse.delayed
        return Sample(at_s, waiting, decided, self._memory(pulse.workers, processes), self._used(processes))

    def writes(self) -> tuple[int, ...]:
        """How often workers' transactions took how long, since there was a queue."""
        self.meter.forget()
        found = tally.histograms(self.meter.read().measured).get((tally.WRITE,))
        return found.places if found else ()

    def _memory(self, workers: tuple[WorkerRecord, ...], processes: Mapping[int, Process]) -> int | None:
        here = [each.info.pid for each in workers if each.info.host == self.host and each.info.pid in processes]
        return max((_tree(pid, processes) for pid in here), default=None)

    def _used(self, processes: Mapping[int, Process]) -> float | None:
        first = processes.get(self.postmaster or -1)
        if first is None:
            return None
        now = time.monotonic()
        children = sum(each.own_s for each in processes.values() if each.parent == self.postmaster)
        used, before = first.own_s + first.ended_s + children, self._cpu
        self._cpu = now, used
        if before is None or now <= before[0]:
            return None
        return max(0.0, used - before[1]) / (now - before[0]) / (os.cpu_count() or 1)

    def _find_postmaster(self) -> int | None:
        """By the process that serves us: it must say that it is Postgres' and whose connection it has."""
        try:
            pid, name = server.own_process(self.database)
            said = PROC.joinpath(str(pid), "cmdline").read_text(errors="replace")
        except (LomiError, OSError):
            return None
        if "postgres" not in said or name not in said:
            return None
        found = dict(_processes()).get(pid)
        return found.parent if found else None


def _processes() -> Iterator[tuple[int, Process]]:
    for path in PROC.glob("[0-9]*"):
        try:
            parts = path.joinpath("stat").read_text().rpartition(") ")[2].split()
            pages = int(path.joinpath("statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
        own, ended = (sum(int(parts[place]) for place in places) / TICK for places in (OWN, CHILDREN))
        yield int(path.name), Process(int(parts[1]), own, ended, pages * os.sysconf("SC_PAGE_SIZE"))


def _tree(pid: int, processes: Mapping[int, Process]) -> int:
    """Resident bytes of a process and all below it; pages that they share are counted in each."""
    below = [child for child, process in processes.items() if process.parent == pid]
    return processes[pid].memory + sum(_tree(child, processes) for child in below)
