"""A worker process from start to exit: load models, register, claim until told to stop, drain.

The main thread starts everything and waits; each slot is a thread with a judging process of its own; signals, the beat,
the upkeep and the health note have threads that do nothing else.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace

import redis

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.clients.objects import ObjectStore, open_store
from lomi_ops.config.schema import Settings
from lomi_ops.db import migrate
from lomi_ops.db.pool import Database
from lomi_ops.domain.finding import Engine
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.domain.regime import Rule, abilities
from lomi_ops.errors import ConfigError, ExitCode, FacesUnavailable, LomiError, RedisUnavailable, Transient
from lomi_ops.queue.client import doorbell_client, queue_client, require_fit
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import WorkerMode
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from lomi_ops.version import __version__
from worker import health
from worker.batch import BatchJudge
from worker.doorbell import Doorbell
from worker.judging.host import JudgeDown, JudgingProcess
from worker.judging.wire import Begin, LoadedEngine
from worker.leases import Leases, Ticker
from worker.policies import Policies
from worker.reuse import Recall
from worker.signals import Signals, relay
from worker.slot import Slot
from worker.upkeep import Upkeep
from worker.vitals import Vitals

log = logging.getLogger(__name__)

START_WAIT_S = 2.0
"""Between tries to reach Redis and Postgres at start: weather, not a reason to die."""
HEALTH_S = 5.0
"""Between health notes: a thread of its own, since a disk that hangs must not keep the beat."""
AWAKE_S = 0.5
"""The main thread sleeps no longer than this at a time. Python runs the handler of a signal in that thread, between two
of its steps: a SIGTERM that comes just as it falls asleep, or in another thread, waits for the end of the sleep."""
READY_LINE = "NSFW model loaded successfully"
"""What runbooks grep for, one line per worker."""


class _Stopped(LomiError):
    """Told to stop before there was anything to drain."""


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
        self._processes: list[JudgingProcess] = []
        self._vitals = Vitals(
            settings.worker.health_file or health.default_file(os.getpid()),
            settings.worker.job_limit_s + health.STALE_AFTER_S,
        )

    def run(self) -> int:
        """Until drained. Raises LomiError for what stops a worker from starting at all."""
        check_policy(self.settings, self.policy)
        with self._closing, suppress(_Stopped):
            self._closing.callback(health.remove, self._vitals.file)
            self._vitals.note()
            engines = self._load_engines()
            queue, database = self._connect()
            self._policies = self._take_policies(engines, database)
            slots = self._slots(queue, database)
            registry = self._register(engines)
            tickers = self._start_tickers(registry, database)
            self._ready(engines)
            self._run_slots(slots)
            self._stop_threads.set()
            for ticker in tickers:
                ticker.join(timeout=self.settings.worker.beat_s)
            self._deregister(registry)
        if self.signals.fatal:
            raise self.signals.fatal[0]
        log.info("worker stopped", extra={"action": "worker_stopped"})
        return int(ExitCode.OK)

    def on_signal(self, number: int) -> None:
        """First signal: finish what is in hand. Second: give it back. Not to be called from a signal handler itself."""
        name = signal.Signals(number).name
        if self.signals.drain.is_set():
            log.warning("%s again: giving back the job in hand", name, extra={"action": "give_back"})
            self.signals.give_back.set()
            return
        log.info("%s: finishing the job in hand", name, extra={"action": "drain"})
        self.signals.drain.set()
        if self._vitals.state == "starting":
            for process in tuple(self._processes):
                process.kill()

    # --- start --------------------------------------------------------------------------------------------------------

    def _load_engines(self) -> tuple[LoadedEngine, ...]:
        """One judging process per slot, models loaded. Raises ModelError: a worker that cannot judge does not start."""
        settings = self.settings
        begin = Begin(settings.images, settings.models, self.policy, bool(settings.compreface.urls))
        for _ in range(settings.worker.slots):
            process = JudgingProcess(begin, timeout_s=settings.images.decode_timeout_s)
            self._processes.append(process)
            self._closing.callback(process.close)
            try:
                process.start()
            except JudgeDown:
                self._go_on()
                raise
            self._go_on()
        return self._processes[0].engines

    def _go_on(self) -> None:
        if self.signals.drain.is_set():
            raise _Stopped("told to stop")

    def _connect(self) -> tuple[JobQueue, Database]:
        """Waits for Redis and Postgres as long as it takes; refuses a Redis that evicts, a schema that is too new."""
        self._vitals.state = "waiting"
        client = self._client(queue_client(self.settings.redis))
        database = Database.from_section(
            self.settings.database, application="lomi worker", prepares=True, tell=_warn_of_schema
        )
        self._closing.callback(database.close)
        self._patiently(lambda: require_fit(client))
        self._patiently(lambda: migrate.apply(database))
        return JobQueue(client, attempts=self.settings.worker.attempts), database

    def _patiently(self, step: Callable[[], object]) -> None:
        while True:
            self._go_on()
            try:
                step()
            except Transient as outage:
                log.warning("waiting: %s", outage.message, extra={"action": "start_waits", "hint": outage.hint})
                self._vitals.trouble = outage.message
                self._vitals.note()
                self.signals.drain.wait(START_WAIT_S)
            else:
                return

    def _client(self, client: redis.Redis) -> redis.Redis:
        self._closing.callback(client.close)
        return client

    def _slots(self, queue: JobQueue, database: Database) -> list[Slot]:
        settings = self.settings
        self._beats = JobQueue(self._client(queue_client(settings.redis)), attempts=settings.worker.attempts)
        self._leases = Leases(self._beats, self.boot, settings.worker)
        doorbell = Doorbell(queue, Line(self._client(doorbell_client(settings.redis))))
        store: ObjectStore = open_store(settings.objects)
        self._closing.callback(store.close)
        finder = self._finder = FaceService(settings.compreface) if settings.compreface.urls else None
        if finder is not None:
            self._closing.callback(finder.close)
        recall = Recall.of(settings)
        if recall is not None:
            self._closing.callback(recall.close)
        pool = ThreadPoolExecutor(settings.worker.downloads, "io")
        # Nobody waits any more for what is still under way at the end: its job was given back.
        self._closing.callback(pool.shutdown, wait=False, cancel_futures=True)
        return [
            Slot(
                f"{self.boot}/{number}",
                queue,
                database,
                BatchJudge(process, store, finder, Rule(self.policy), settings, pool, recall),
                self._leases,
                self.signals,
                settings,
                doorbell.ring,
                doorbell.stir,
                self._vitals.claim_answered,
                self._policies.rule,
            )
            for number, process in enumerate(self._processes)
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
            policy=self._policies.regime.title,
            activation=self._policies.regime.activation,
            golden=self._processes[0].golden,
        )
        self._patiently(lambda: registry.register(self._info))
        return registry

    def _take_policies(self, engines: tuple[LoadedEngine, ...], database: Database) -> Policies:
        """Raises ConfigError where a policy holds that this worker could never approve by."""
        names = {engine.engine for engine in engines}
        ages = bool(self.settings.compreface.urls)
        able = abilities(nsfw=Engine.NSFW in names, faces=ages or Engine.FACES in names, ages=ages)
        policies = Policies(database, self.policy, able)
        self._patiently(policies.look)
        policies.require_served()
        return policies

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

    def _start_tickers(self, registry: WorkerRegistry, database: Database) -> list[Ticker]:
        section, stop = self.settings.worker, self._stop_threads
        upkeep = Upkeep(self._beats, database, section)
        tickers = [
            Ticker("beat", section.beat_s, lambda: self._beat(registry), stop),
            Ticker("upkeep", section.reap_s, upkeep.turn, stop),
            Ticker("health", HEALTH_S, self._vitals.note, stop),
            Ticker("policy", section.beat_s, self._policies.look, stop),
        ]
        for ticker in tickers:
            ticker.start()
        return tickers

    def _ready(self, engines: tuple[LoadedEngine, ...]) -> None:
        self._vitals.ready()
        fields: dict[str, object] = {
            "action": "worker_ready",
            "boot": self.boot,
            "host": self._info.host,
            "pid": self._info.pid,
            "version": __version__,
            "policy": self._info.policy,
            "slots": self._info.slots,
            "engines": [{"engine": e.engine, "model": e.model, "sha256": e.version} for e in engines],
        }
        log.info(READY_LINE, extra=fields)

    # --- life ---------------------------------------------------------------------------------------------------------

    def _beat(self, registry: WorkerRegistry) -> None:
        try:
            self._leases.beat(time.monotonic())
        except RedisUnavailable as outage:
            self._vitals.trouble = outage.message
            raise
        self._vitals.trouble = ""
        regime = self._policies.regime
        now = replace(self._info, policy=regime.title, activation=regime.activation)
        if self._leases.mode is None or now != self._info:
            registry.register(now)
            self._info = now
        elif self._leases.mode is WorkerMode.DRAINING and not self.signals.drain.is_set():
            log.info("drained by an operator", extra={"action": "drain"})
            self.signals.drain.set()

    def _run_slots(self, slots: list[Slot]) -> None:
        threads = [threading.Thread(target=slot.run, name=slot.name, daemon=True) for slot in slots]
        for thread in threads:
            thread.start()
        while not self.signals.drain.wait(AWAKE_S):
            pass
        self._vitals.state = "draining"
        self._await_drain(threads)

    def _await_drain(self, threads: list[threading.Thread]) -> None:
        """Waits for the jobs in hand: as long as the grace lasts, and not at all after a second signal."""
        deadline = time.monotonic() + self.settings.worker.grace_s
        while any(thread.is_alive() for thread in threads):
            if time.monotonic() > deadline and not self.signals.give_back.is_set():
                log.warning("grace is over: giving back the job in hand", extra={"action": "give_back"})
                self.signals.give_back.set()
            if self.signals.give_back.is_set():
                for process in self._processes:
                    process.kill()
            for thread in threads:
                thread.join(timeout=0.1)

    def _deregister(self, registry: WorkerRegistry) -> None:
        try:
            registry.deregister(self.boot)
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "deregister_failed"})


def _warn_of_schema(text: str) -> None:
    log.warning(text, extra={"action": "schema_newer"})


def main(settings: Settings, policy: Policy) -> int:
    """Runs a worker in this process until it is told to stop. Raises LomiError where it cannot start."""
    worker = Worker(settings, policy)
    relay(worker.on_signal)
    try:
        return worker.run()
    except LomiError as failure:
        log.error(failure.message, extra={"action": "worker_cannot_go_on", "hint": failure.hint})
        raise
