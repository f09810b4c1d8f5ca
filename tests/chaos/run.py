"""One run: servers, machines, uploads, faults by the plan, quiet, the audit."""

from __future__ import annotations

import heapq
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from lomi_ops.db.bootstrap import prepare
from tests.chaos.audit import Findings, audit, read_state, work_left
from tests.chaos.ends import KEYS, Producer, Subscriber, Tail, direct, running
from tests.chaos.fleet import STUB, Fleet, Machine, Worker, children, leftovers
from tests.chaos.machines import place
from tests.chaos.plan import Amounts, Fault, Kind, schedule
from tests.chaos.servers import PostgresServer, restartable_postgres
from tests.chaos.uploads import Uploads
from tests.proxy import FaultProxy
from tests.services import RedisServer, open_folder, running_redis

LEASE_S = 4.0
"""The worker fences itself 2 s before (`FENCE_MARGIN_S`); recovery from a kill takes about this long."""
STALLED_S = 4.0
"""Without progress for so long the next fault is due: it may be the one that heals."""
QUIET_S = 90.0
STUCK_S = 40.0
"""Nothing at all happens for so long: longer than any wait of the product's own."""
WINDOW = 250
"""So many elements are ahead of the workers at most: pushing goes on during most faults."""
SETTINGS = {
    "LOMI_WORKER__LEASE_S": f"{LEASE_S:g}",
    "LOMI_WORKER__BEAT_S": "0.5",
    "LOMI_WORKER__REAP_S": "0.3",
    "LOMI_WORKER__GRACE_S": "5",
    "LOMI_WORKER__SLOTS": "2",
    "LOMI_REDIS__DOORBELL_S": "1",
    "LOMI_REDIS__TIMEOUT_S": "4",
    "LOMI_DATABASE__CONNECT_TIMEOUT_S": "2",
    "LOMI_DATABASE__STATEMENT_TIMEOUT_S": "5",
    "LOMI_LOG__SAMPLE_SUCCESS": "0",
}


@dataclass(frozen=True)
class Setup:
    """What to run."""

    seed: int
    uploads: Uploads
    amounts: Amounts
    machines: int = 3
    per_machine: int = 2
    command: Sequence[str] = STUB
    settings: dict[str, str] = field(default_factory=dict)
    lose_share: float = 0.0005
    """Of all replies, all the time."""
    apart: bool = False
    """Each machine has a network and clocks of its own."""
    look: Callable[[str], object] = lambda url: None
    """Gets the URL of the database when all is quiet."""
    raw_kills: bool = False
    """Kill Redis while it may hold back acknowledged writes."""


@dataclass
class Outcome:
    seconds: float
    faults: Counter[str]
    findings: Findings
    logged: Counter[str]
    """Lines of the workers by action."""
    exits: Counter[str]

    @property
    def passed(self) -> bool:
        return not self.findings.wrong


class Run:
    """The faults, acted out. One thread; what lasts is ended by a list of things to do later."""

    def __init__(
        self, fleet: Fleet, redis_server: RedisServer, postgres: PostgresServer, *, raw_kills: bool = False
    ) -> None:
        self.fleet = fleet
        self.subscriber = Subscriber(redis_server.url)
        self.redis = redis_server
        self.raw_kills = raw_kills
        self.postgres = postgres
        self.faults: Counter[str] = Counter()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._down: set[str] = set()

    def busy(self, fault: Fault) -> bool:
        """Whether the server in question is down already."""
        return (fault.kind.value.split()[0]) in self._down

    def act(self, fault: Fault) -> None:
        self.faults[fault.kind.value] += 1
        match fault.kind:
            case Kind.KILL | Kind.KILL_JUDGE | Kind.DRAIN | Kind.FREEZE:
                self._strike(fault)
            case Kind.REDIS_TERM | Kind.REDIS_KILL:
                stop = self.redis.stop if fault.kind is Kind.REDIS_TERM else self._kill_redis
                self._restart("Redis", stop, self.redis.start, fault.size)
            case Kind.POSTGRES_FAST | Kind.POSTGRES_IMMEDIATE | Kind.POSTGRES_KILL:
                ends = {Kind.POSTGRES_FAST: signal.SIGINT, Kind.POSTGRES_IMMEDIATE: signal.SIGQUIT}
                number = ends.get(fault.kind, signal.SIGKILL)
                self._restart("Postgres", lambda: self.postgres.stop(number), self.postgres.start, fault.size)
            case Kind.CUT_REDIS:
                self.faults["connections cut"] += self._machine(fault).redis.cut_all()
            case Kind.CUT_POSTGRES:
                self.faults["connections cut"] += self._machine(fault).postgres.cut_all()
            case Kind.LOSE_REDIS:
                self._machine(fault).redis.lose_next(int(fault.size))
            case Kind.LOSE_POSTGRES:
                self._machine(fault).postgres.lose_next(int(fault.size))
            case Kind.PART_REDIS:
                self._machine(fault).redis.black_hole(fault.size)
            case Kind.DEAF:
                self.subscriber.leave(fault.size)
            case Kind.UNPLUG:
                self._unplug(self._machine(fault), fault.size)
            case Kind.JUMP:
                if (clock := self._machine(fault).clock) is not None:
                    clock.set(int(fault.size))

    def tend(self) -> None:
        """Ends what has lasted long enough; replaces who has died."""
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()
        self.fleet.fill()

    @property
    def restless(self) -> bool:
        return bool(self._later)

    def _machine(self, fault: Fault) -> Machine:
        return self.fleet.machines[fault.victim % len(self.fleet.machines)]

    def _strike(self, fault: Fault) -> None:
        # Before it is ready, a worker that is told to go may have no handler yet.
        worker = self.fleet.pick(fault.victim, ready=fault.kind is Kind.DRAIN)
        if worker is None:
            self.faults[f"{fault.kind.value}: nobody there"] += 1
        elif fault.kind is Kind.KILL:
            worker.killed = True
            worker.send(signal.SIGKILL)
        elif fault.kind is Kind.KILL_JUDGE:
            for child in children(worker.pid)[:1]:
                os.kill(child, signal.SIGKILL)
        elif fault.kind is Kind.DRAIN:
            worker.leaving = True
            worker.send(signal.SIGTERM)
        else:
            worker.frozen = True
            worker.send(signal.SIGSTOP)
            self._after(fault.size, lambda: self._thaw(worker))

    def _unplug(self, machine: Machine, seconds: float) -> None:
        if (cable := machine.cable) is not None:
            cable.plug(False)
            self._after(seconds, lambda: cable.plug(True))

    def _thaw(self, worker: Worker) -> None:
        worker.send(signal.SIGCONT)
        worker.frozen = False

    def _kill_redis(self) -> None:
        """While an fsync is slow, `everysec` holds back what was acknowledged already, and a kill loses it
        (docs/chaos.md). That is the server's promise, not ours; so from here to the kill it writes at once."""
        if not self.raw_kills:
            with suppress(redis.RedisError):
                direct(self.redis.url).config_set("appendfsync", "always")
        self.redis.stop(signal.SIGKILL)

    def _restart(self, name: str, stop: Callable[[], None], start: Callable[[], None], seconds: float) -> None:
        def again() -> None:
            start()
            self._down.discard(name)

        self._down.add(name)
        stop()
        self._after(seconds, again)

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, len(self._later), step))


def play(setup: Setup, say: Callable[[str], None] = print) -> Outcome:
    """Runs it all. Nothing that was started is left behind, whatever happens."""
    with ExitStack() as stack:
        redis_server = stack.enter_context(running_redis())
        postgres = stack.enter_context(restartable_postgres())
        folder = stack.enter_context(open_folder("lomi-chaos-"))
        prepare(postgres.url)
        setup.uploads.insert(postgres.url)
        setup.uploads.store(folder / "objects")
        fleet = Fleet(
            uuid.uuid4().hex,
            folder,
            [stack.enter_context(_machine(n, setup, redis_server, postgres, folder)) for n in range(setup.machines)],
            redis_server.url,
            postgres.url,
            folder / "objects",
            SETTINGS | setup.settings,
            setup.command,
            setup.per_machine,
        )
        stack.callback(fleet.abandon)
        return _play(setup, Run(fleet, redis_server, postgres, raw_kills=setup.raw_kills), say)


def _play(setup: Setup, run: Run, say: Callable[[str], None]) -> Outcome:
    started = time.monotonic()
    url = run.redis.url
    subscriber, tail = run.subscriber, Tail(url)
    dead = _Dead(url)
    producer = Producer(url, setup.uploads, lambda: len(tail.jobs) + dead.count + WINDOW)
    with running(producer, subscriber, tail):
        _storm(setup, run, say, lambda: (len(tail.jobs) + dead.look()) / len(setup.uploads.elements))
        quiet(url, lambda: producer.done, run.tend, say)
        run.fleet.drain(20)
    tail.read()
    setup.look(run.postgres.url)
    state = read_state(direct(url), run.postgres.url)
    findings = audit(setup.uploads, state, subscriber.heard, tail.entries)
    findings.blame("what a killed Redis had shown and forgot", tail.forgotten)
    findings.counts.update(producer.counts)
    findings.counts["reconnects of the subscriber"] = subscriber.reconnects
    processes(run.fleet, findings)
    for machine in run.fleet.machines:
        for way in (machine.redis, machine.postgres):
            run.faults["replies lost in all"] += way.counts["lost"]
            run.faults["connections made in all"] += way.counts["connections"]
    return Outcome(
        time.monotonic() - started, run.faults, findings, logged(setup.uploads, run.fleet, findings), run.fleet.exits
    )


def _storm(setup: Setup, run: Run, say: Callable[[str], None], share: Callable[[], float]) -> None:
    faults = list(schedule(setup.seed, setup.amounts, lease_s=LEASE_S))
    last, since, told = 0.0, time.monotonic(), 0.0
    while faults or run.restless:
        run.tend()
        now, at = time.monotonic(), share()
        if at > last:
            last, since = at, now
        if faults and not run.busy(faults[0]) and (at >= faults[0].at or now - since > STALLED_S):
            run.act(faults.pop(0))
            since = now
        if now - told > 5:
            told = now
            say(f"  {at:6.1%} of the jobs are through, {len(faults)} faults to come")
        time.sleep(0.01)


def quiet(url: str, pushed: Callable[[], bool], tend: Callable[[], None], say: Callable[[str], None]) -> None:
    """Waits until all is pushed and nothing is on its way. Bounded: what is not through by then shows in the audit."""
    client = direct(url)
    deadline, told, calm_since = time.monotonic() + QUIET_S, time.monotonic(), None
    last, since = None, time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < STUCK_S:
        tend()
        left = work_left(client) if pushed() else None
        if left is None or left != last:
            last, since = left, time.monotonic()
        calm_since = None if left != 0 else calm_since or time.monotonic()
        if calm_since and time.monotonic() - calm_since > 0.5:
            return
        if time.monotonic() - told > 5:
            told = time.monotonic()
            say(f"  waiting for quiet: {left} entries left")
        time.sleep(0.05)


def processes(fleet: Fleet, findings: Findings) -> None:
    """Everybody went when told to, nobody before, and no judging process outlives its worker."""
    findings.blame("workers that did not drain", fleet.undrained())
    findings.blame("workers that ended by themselves", fleet.deserters())
    deadline = time.monotonic() + 5
    while leftovers(fleet.run) and time.monotonic() < deadline:
        time.sleep(0.05)
    findings.blame("processes left behind", leftovers(fleet.run))


def logged(uploads: Uploads, fleet: Fleet, findings: Findings) -> Counter[str]:
    """What the workers said, by action. A traceback is a bug."""
    lines: Counter[str] = Counter()
    bugs, innocent, wrong = [], 0, 0
    now = datetime.now(UTC)
    deadly = {str(photo.media_id) for photo in uploads.photos.values() if photo.sight == "deadly"}
    for line in fleet.lines():
        lines[line["action"]] += 1
        wrong += abs(now - datetime.fromisoformat(line["ts"])) > timedelta(minutes=30)
        innocent += line["action"] == "judge_crashed" and line["media_id"] not in deadly
        if line["action"].endswith("_bug") or "trace" in line:
            bugs.append(f"{line['action']}: {line.get('trace', line['msg']).splitlines()[-1]}")
    findings.blame("bugs in the log", bugs)
    findings.counts["sound photos blamed for a judge that was killed"] = innocent
    findings.counts["lines logged by a clock that was wrong"] = wrong
    return lines


class _Dead:
    """How many dead letters there are, as far as Redis says so."""

    def __init__(self, url: str) -> None:
        self._client = direct(url)
        self.count = 0
        self._next = 0.0

    def look(self) -> int:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            try:
                found: Any = self._client.zcard(KEYS.dead)
                self.count = int(found)
            except redis.RedisError:
                pass
        return self.count


@contextmanager
def _machine(
    number: int, setup: Setup, redis_server: RedisServer, postgres: PostgresServer, folder: Path
) -> Iterator[Machine]:
    seed = f"{setup.seed}/{number}"
    with ExitStack() as stack:
        where = stack.enter_context(place(number, folder)) if setup.apart else None
        listen = where.address if where else "127.0.0.1"
        redis_way = FaultProxy("127.0.0.1", redis_server.port, seed=f"{seed}/redis", listen=listen)
        postgres_way = FaultProxy("127.0.0.1", postgres.port, seed=f"{seed}/postgres", listen=listen)
        machine = Machine(
            f"machine-{number}",
            redis_way,
            postgres_way,
            where.cable if where else None,
            where.clock if where else None,
            where.prefix if where else (),
        )
        stack.callback(machine.close)
        for way in (redis_way, postgres_way):
            way.lose(setup.lose_share)
        yield machine
