"""The registry's side of workers whose containers run a shell script: each start registers, each end goes."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from docker.errors import APIError

from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import WorkerInfo, WorkerMode, WorkerRegistry
from tests.docker_engine import Fleet

TURN_S = 0.05


class Crew:
    """Looks at the containers again and again, as their workers would live in them. Use it as a context."""

    def __init__(self, fleet: Fleet, registry: WorkerRegistry, queue: JobQueue) -> None:
        self._fleet, self._registry, self._queue = fleet, registry, queue
        self._containers: list[str] = []
        self._lives: dict[str, tuple[str, str]] = {}
        self.hands: dict[str, tuple[str, str]] = {}
        """Job and token by boot."""
        self.story: list[tuple[str, str]] = []
        """What happened to which container, in its order."""
        self.when_quiet: Callable[[str], None] = self.finish
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Crew:
        self._turn()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def has(self, *containers: str) -> Crew:
        self._containers += containers
        return self

    def boot(self, container: str) -> str:
        return self._lives[container][1]

    def takes(self, container: str) -> str:
        """It claims a job that waits."""
        boot = self.boot(container)
        held: Any = self._queue.claim(f"{boot}/0", 1, f"token-{boot}", 3600)
        self.hands[boot] = (held.job_id, held.token)
        return str(held.job_id)

    def finish(self, boot: str) -> None:
        """The job in its hand, if it has one."""
        if hand := self.hands.pop(boot, None):
            self._queue.finish(*hand)
            self._tell(boot, "finished")

    def _live(self) -> None:
        while not self._over.wait(TURN_S):
            self._turn()

    def _turn(self) -> None:
        for container in self._containers:
            try:
                state = self._fleet.state(container)["State"]
            except APIError:
                continue
            run, (known, boot) = state["StartedAt"], self._lives.get(container, ("", ""))
            if boot and (not state["Running"] or run != known):
                self._registry.deregister(boot)
                del self._lives[container]
                self.story.append(("ended", container))
            if state["Running"] and run != known:
                boot = str(uuid.uuid4())
                self._registry.register(WorkerInfo(boot, container[:12], 1, "0.1.0", 1))
                self._lives[container] = (run, boot)
                self.story.append(("began", container))
        for container, (_, boot) in self._lives.items():
            hand = dict([self.hands[boot]]) if boot in self.hands else {}
            mode = self._queue.beat(boot, hand, 3600).mode
            if mode is WorkerMode.QUIET and ("quiet", container) not in self.story:
                self.story.append(("quiet", container))
                self.when_quiet(boot)

    def _tell(self, boot: str, what: str) -> None:
        self.story.append((what, next(key for key, life in self._lives.items() if life[1] == boot)))
