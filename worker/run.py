"""A worker process from start to exit: load models, register, claim until told to stop, drain.

The main thread handles signals and waits; each slot is a thread with a judging process of its own; the beat and the
upkeep are threads that do nothing else.
"""

from __future__ import annotations

import logging
import os
import platform
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import redis

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.clients.objects import ObjectStore, open_store
from lomi_ops.config.schema import Settings
from lomi_ops.db import migrate
from lomi_ops.db.pool import Database
from lomi_ops.domain.finding import Engine
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.errors import ConfigError, ExitCode, FacesUnavailable, LomiError, RedisUnavailable, Transient
from lomi_ops.queue.client import doorbell_client, guarded, queue_client, require_fit
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import WorkerMode
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from lomi_ops.version import __version__
from worker import health
from worker.batch import BatchJudge
from worker.judging.host import JudgingProcess
from worker.judging.wire import Begin, LoadedEngine
from worker.leases import Leases, Ticker
from worker.slot import Signals, Slot
from worker.upkeep import keep_up

log = logging.getLogger(__name__)

START_WAIT_S = 2.0
"""Between tries to reach Redis and Postgres at start: weather, not a reason to die."""
READY_LINE = "NSFW model loaded successfully"
"""What runbooks grep for, one line per worker."""


def check_policy(settings: Settings, policy: Policy) -> None:
    """Raises ConfigError where no engine of this configuration can ever answer what the policy requires."""
    if Requirement.AGE in policy.requires and not settings.compreface.urls:
        raise ConfigError(
            f"policy {policy.ref} requires ages, and no CompreFace is configured",
            hint="set COMPREFACE_URL, or LOMI_POLICY=local for a policy without ages",
        )


class Worker:
    """Everything one worker process holds. `run` returns the exit code."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self.settings = settings
        self.policy = policy
        self.boot = str(uuid.uuid4())
        self.signals = Signals()
        self._closing = ExitStack()
        self._stop_threads = threading.Event()
        self._state = "starting"
        self._last_claim_at = 0.0
        self._health_file: Path = settings.worker.health_file or health.default_file(os.getpid())

    def run(self) -> int:
        """Until drained. Raises LomiError for what stops a worker from starting at all."""
        check_policy(self.settings, self.policy)
        self._closing.callback(self._health_file.unlink, missing_ok=True)
        with self._closing:
            self._note_health()
            processes, engines = self._load_engines()
            queue, database = self._connect()
            slots = self._slots(processes, queue, database)
            registry = self._register(engines)
            beat = self._start_tickers(registry)
            self._state = "ready"
            self._note_health()
            log.info(READY_LINE, extra=self._ready_fields(engines))
            self._run_slots(slots)
            self._state = "draining"
            self._stop_threads.set()
            beat.join(timeout=self.settings.worker.beat_s)
            self._deregister(registry)
        if self.signals.fatal:
            raise self.signals.fatal[0]
        log.info("worker stopped", extra={"action": "worker_stopped"})
        return int(ExitCode.OK)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """First signal: finish what is in hand. Second: give it back."""
        name = signal.Signals(number).name
        if self.signals.drain.is_set():
            log.warning("%s again: giving back the job in hand", name, extra={"action": "give_back"})
            self.signals.give_back.set()
            return
        log.info("%s: finishing the job in hand", name, extra={"action": "drain"})
        self.signals.drain.set()

    # --- start --------------------------------------------------------------------------------------------------------

    def _load_engines(self) -> tuple[list[JudgingProcess], tuple[LoadedEngine, ...]]:
        """One judging process per slot, models loaded. Raises ModelError: a worker that cannot judge does not start."""
        begin = Begin(self.settings.images, self.settings.models, self.policy, self.settings.compreface.urls)
        processes = []
        for _ in range(self.settings.worker.slots):
            process = JudgingProcess(begin, timeout_s=self.settings.images.decode_timeout_s)
            self._closing.callback(process.close)
            process.start()
            processes.append(process)
        return processes, processes[0].engines

    def _connect(self) -> tuple[JobQueue, Database]:
        """Waits for Redis and Postgres as long as it takes; refuses a Redis that evicts, and a newer schema."""
        self._state = "waiting"
        client = self._client(queue_client(self.settings.redis))
        database = Database.from_section(self.settings.database, application="lomi worker")
        self._closing.callback(database.close)
        self._patiently(lambda: require_fit(client))
        self._patiently(lambda: migrate.apply(database))
        self._database = database
        return JobQueue(client, attempts=self.settings.worker.attempts), database

    def _patiently(self, step: Callable[[], object]) -> None:
        while not self.signals.drain.is_set():
            try:
                step()
            except Transient as outage:
                log.warning("waiting: %s", outage.message, extra={"action": "start_waits"})
                self._note_health(outage.message)
                self.signals.drain.wait(START_WAIT_S)
            else:
                return

    def _client(self, client: redis.Redis) -> redis.Redis:
        self._closing.callback(client.close)
        return client

    def _slots(self, processes: list[JudgingProcess], queue: JobQueue, database: Database) -> list[Slot]:
        settings = self.settings
        beats = JobQueue(self._client(queue_client(settings.redis)), attempts=settings.worker.attempts)
        self._beats = beats
        self._leases = Leases(beats, self.boot, settings.worker)
        doorbell = Doorbell(queue, self._client(doorbell_client(settings.redis)))
        store: ObjectStore = open_store(settings.objects)
        self._closing.callback(store.close)
        finder = self._finder = FaceService(settings.compreface) if settings.compreface.urls else None
        if finder is not None:
            self._closing.callback(finder.close)
        pool = self._closing.enter_context(ThreadPoolExecutor(settings.worker.downloads, "io"))
        return [
            Slot(
                f"{self.boot}/{number}",
                queue,
                database,
                BatchJudge(process, store, finder, self.policy, settings, pool),
                self._leases,
                self.signals,
                settings,
                doorbell.ring,
                self._claim_answered,
            )
            for number, process in enumerate(processes)
        ]

    def _register(self, engines: tuple[LoadedEngine, ...]) -> WorkerRegistry:
        registry = WorkerRegistry(self._client(queue_client(self.settings.redis)))
        self._info = WorkerInfo(
            boot=self.boot,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            slots=self.settings.worker.slots,
            engines=tuple(EngineInfo(e.engine, e.model, e.version) for e in self._all_engines(engines)),
            policy=self.policy.ref,
        )
        self._patiently(lambda: registry.register(self._info))
        return registry

    def _all_engines(self, engines: tuple[LoadedEngine, ...]) -> tuple[LoadedEngine, ...]:
        """With the builds of CompreFace that answer now; one that is down is named without its build."""
        if self._finder is None:
            return engines
        try:
            builds = {(found.model, found.version) for found in self._finder.inventory().values()}
        except (FacesUnavailable, ConfigError) as outage:
            log.warning("CompreFace: %s", outage.message, extra={"action": "faces_failed", "hint": outage.hint})
            builds = {("compreface", "")}
        return (*engines, *(LoadedEngine(Engine.FACES.value, model, version) for model, version in sorted(builds)))

    def _start_tickers(self, registry: WorkerRegistry) -> Ticker:
        section = self.settings.worker
        beat = Ticker("beat", section.beat_s, lambda: self._beat(registry), self._stop_threads)
        upkeep = Ticker(
            "upkeep", section.reap_s, lambda: keep_up(self._beats, self._database, section), self._stop_threads
        )
        beat.start()
        upkeep.start()
        return beat

    # --- life ---------------------------------------------------------------------------------------------------------

    def _beat(self, registry: WorkerRegistry) -> None:
        self._note_health()
        self._leases.beat(time.monotonic())
        if self._leases.mode is None:
            registry.register(self._info)
        elif self._leases.mode is WorkerMode.DRAINING and not self.signals.drain.is_set():
            log.info("drained by an operator", extra={"action": "drain"})
            self.signals.drain.set()

    def _run_slots(self, slots: list[Slot]) -> None:
        threads = [threading.Thread(target=slot.run, name=slot.name, daemon=True) for slot in slots]
        for thread in threads:
            thread.start()
        while not self.signals.drain.wait(1.0):
            pass
        self._await_drain(threads, slots)

    def _await_drain(self, threads: list[threading.Thread], slots: list[Slot]) -> None:
        """Waits for the jobs in hand: as long as the grace lasts, and not at all after a second signal."""
        deadline = time.monotonic() + self.settings.worker.grace_s
        while any(thread.is_alive() for thread in threads):
            if time.monotonic() > deadline and not self.signals.give_back.is_set():
                log.warning("grace is over: giving back the job in hand", extra={"action": "give_back"})
                self.signals.give_back.set()
            if self.signals.give_back.is_set():
                for slot in slots:
                    slot.judge.process.kill()
            for thread in threads:
                thread.join(timeout=0.1)

    def _deregister(self, registry: WorkerRegistry) -> None:
        try:
            registry.deregister(self.boot)
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "deregister_failed"})

    def _claim_answered(self) -> None:
        self._last_claim_at = time.time()

    def _note_health(self, detail: str = "") -> None:
        note = health.Health(os.getpid(), self._state, time.time(), self._last_claim_at, detail)
        try:
            health.write(self._health_file, note)
        except OSError as failure:
            log.warning("health note: %s", failure.strerror, extra={"action": "health_failed"})

    def _ready_fields(self, engines: tuple[LoadedEngine, ...]) -> dict[str, object]:
        return {
            "action": "worker_ready",
            "boot": self.boot,
            "host": platform.node(),
            "pid": os.getpid(),
            "version": __version__,
            "policy": self.policy.ref,
            "slots": self.settings.worker.slots,
            "engines": [{"engine": e.engine, "model": e.model, "sha256": e.version} for e in engines],
        }


class Doorbell:
    """One blocking wait per process, however many slots: the others nap until the one at the door hears something."""

    def __init__(self, queue: JobQueue, client: redis.Redis) -> None:
        self._queue = queue
        self._client = client
        self._door = threading.Lock()
        self._rung = threading.Condition()

    def ring(self, timeout_s: float) -> None:
        """Returns when the list has an element, or after about `timeout_s`. Raises RedisUnavailable."""
        if timeout_s <= 0:
            return
        if not self._door.acquire(blocking=False):
            with self._rung:
                self._rung.wait(timeout_s)
            return
        try:
            with guarded(self._client, "the doorbell"):
                self._queue.wait(self._client, timeout_s)
        finally:
            self._door.release()
            with self._rung:
                self._rung.notify_all()


def install_signals(worker: Worker) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.on_signal)


def main(settings: Settings, policy: Policy) -> int:
    """Runs a worker in this process until it is told to stop. Raises LomiError where it cannot start."""
    worker = Worker(settings, policy)
    install_signals(worker)
    try:
        return worker.run()
    except LomiError as failure:
        log.error(failure.message, extra={"action": "worker_cannot_go_on", "hint": failure.hint})
        raise
