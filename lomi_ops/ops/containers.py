"""One look at the cluster's containers, shared by all who ask at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from lomi_ops.clients.containers import Engine
from lomi_ops.clients.threads import all_at_once
from lomi_ops.domain.container import Cluster, Container
from lomi_ops.domain.worker_log import READY_LINE, WorkerLog
from lomi_ops.errors import DockerUnavailable

FRESH_S = 1.0
"""A look is as good as new for so long."""
TAIL = 60
"""Lines in which a worker's last words are looked for."""
READERS = 4
"""Logs that are read at once."""
_SLACK = timedelta(seconds=60)
"""A worker says something within so long after its start: a log that begins later has lost its beginning."""


class Look:
    """The containers as they are, asked for at most once a moment. May be used by several threads.

    Its methods raise DockerUnavailable, and ConfigError where it is not clear which project is the cluster.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Cluster | None = None
        self._seen_at = 0.0

    def cluster(self) -> Cluster:
        with self._lock:
            if self._seen is None or self._clock() - self._seen_at > FRESH_S:
                self._seen = self.engine.cluster()
                self._seen_at = self._clock()
            return self._seen

    def worker_logs(self, service: str) -> tuple[WorkerLog, ...]:
        """What the logs of a service's containers tell about their start."""
        return self.logs_of(self.cluster().of(service))

    def logs_of(self, containers: Sequence[Container]) -> tuple[WorkerLog, ...]:
        return tuple(all_at_once(self.worker_log, containers, most=READERS))

    def worker_log(self, container: Container) -> WorkerLog:
        """Reads from the start of the container's run to the line that says it is ready, and where there is none its
        end."""
        try:
            search = self.engine.search(container, READY_LINE)
            ready_at = (search.found.at or container.started_at) if search.found else None
            ready_line = search.found.text if search.found else ""
            if ready_at is not None and container.up:
                return WorkerLog(container, ready_at, ready_line=ready_line)
            tail = tuple(line.text for line in self.engine.logs(container, tail=TAIL))
        except DockerUnavailable as failure:
            return WorkerLog(container, complete=False, trouble=failure.message)
        late = container.started_at and search.first_at and search.first_at - container.started_at > _SLACK
        return WorkerLog(container, ready_at, complete=search.ended and not late, tail=tail, ready_line=ready_line)
