"""The workers of a cluster as one picture: their containers, what they registered, and what old ones logged. Pure.

Each source may be missing, and each may be ahead of the others: a container that has just started has not registered,
and one that was killed stays registered for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lomi_ops.domain.check import Status
from lomi_ops.domain.container import Container, ContainerState
from lomi_ops.domain.worker import WorkerMode, WorkerRecord
from lomi_ops.domain.worker_log import WorkerLog, WorkerTrouble, worker_trouble


class MemberState(StrEnum):
    """How a worker stands; the words that operators read."""

    STARTING = "starting"
    """It runs, and has not loaded its model yet."""
    READY = "ready"
    """It takes jobs. Of an old one this is all that can be known."""
    BUSY = "busy"
    QUIET = "quiet"
    """It finishes what it has and takes nothing new, until somebody resumes it."""
    DRAINING = "draining"
    """On its way out."""
    SILENT = "silent"
    """Not heard of for longer than a lease: dead, frozen, or cut off. What it held goes to others."""
    FAILING = "failing"
    """It runs, and its log says why it cannot work."""
    PAUSED = "paused"
    """Somebody froze its container."""
    RESTARTING = "restarting"
    """It ends again and again, and its policy starts it again."""
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    """No source tells."""


_NOT_YET_OR_NO_MORE = (MemberState.STARTING, MemberState.FAILING, MemberState.RESTARTING, MemberState.STOPPED)
_DEAF = (*_NOT_YET_OR_NO_MORE, MemberState.SILENT, MemberState.PAUSED)
_OF_MODES = {WorkerMode.QUIET: MemberState.QUIET, WorkerMode.DRAINING: MemberState.DRAINING}


@dataclass(frozen=True, slots=True)
class Member:
    """One worker. At least one of `container` and `registered` is there."""

    state: MemberState
    container: Container | None = None
    """None where it is a process of its own, or runs on a machine whose engine was not asked."""
    registered: WorkerRecord | None = None
    """None for an old worker, for one that has not loaded its model, and where Redis did not answer."""
    log: WorkerLog | None = None
    """What its container logged; None where it was not read, since the registry says more."""
    trouble: WorkerTrouble | None = None
    """Why it does not work, as far as its log tells."""
    earlier: tuple[WorkerRecord, ...] = ()
    """Registrations of earlier runs of its container that ended without a word."""
    part: str = ""
    """What the supervisor of a local stack calls it, and its log: `worker-1`; empty where it is in none."""

    @property
    def name(self) -> str:
        """How an operator names it: by its container, by its part of a local stack, else by its process."""
        if self.container is not None:
            return self.container.name
        if self.part:
            return self.part
        return self.registered.info.name if self.registered else ""

    @property
    def old(self) -> bool:
        """Whether it works without registering: it cannot be told to be quiet, and nobody knows what it holds."""
        at_work = self.registered is None and self.state is MemberState.READY
        return at_work and self.log is not None and not self.log.ours

    @property
    def ready_at(self) -> datetime | None:
        """When it logged that its model is loaded, where its log was read."""
        return self.log.ready_at if self.log else None

    @property
    def works(self) -> bool:
        """Whether it has loaded its model and takes jobs."""
        return self.state in (MemberState.READY, MemberState.BUSY)

    @property
    def hears(self) -> bool:
        """Whether it can be told to take nothing new, and says when it holds nothing."""
        return self.registered is not None and self.state not in _DEAF

    @property
    def jobs(self) -> tuple[str, ...]:
        """What it holds now, as far as that is known."""
        return self.registered.jobs if self.registered else ()

    @property
    def idle(self) -> bool | None:
        """Whether nothing is lost by stopping it now; None where nobody knows."""
        if self.registered is not None:
            return not self.registered.jobs
        return True if self.state in _NOT_YET_OR_NO_MORE and (self.ready_at is None or not self._up) else None

    @property
    def _up(self) -> bool:
        return self.container is None or self.container.up


def join(
    containers: Sequence[Container],
    registered: Sequence[WorkerRecord] | None,
    logs: Iterable[WorkerLog],
    now: datetime,
    *,
    lease_s: float,
) -> tuple[Member, ...]:
    """Each container and each registered worker once, containers first and in their order.

    `registered` is None where nobody could be asked. `now` is by the engine's clock, which is never compared with the
    registry's.
    """
    read = {log.container.id: log for log in logs}
    lives = _lives(containers, registered or (), read, now)
    claimed = {record.info.boot for records in lives.values() for record in records}
    found = [
        _contained(each, lives.get(each.id, ()), read.get(each.id), now, lease_s, asked=registered is not None)
        for each in containers
    ]
    alone = [record for record in registered or () if record.info.boot not in claimed]
    alone.sort(key=lambda record: (record.info.host, record.info.pid, record.started_ms))
    found += [Member(_of_record(record, lease_s), registered=record) for record in alone]
    return tuple(found)


def unclear(
    containers: Sequence[Container], registered: Sequence[WorkerRecord] | None, now: datetime
) -> tuple[Container, ...]:
    """The containers whose logs must be read: host names alone do not say who of the registered works in them."""
    members = join(containers, registered, (), now, lease_s=0.0)
    return tuple(each.container for each in members if each.container is not None and each.registered is None)


def _lives(
    containers: Sequence[Container], registered: Sequence[WorkerRecord], read: dict[str, WorkerLog], now: datetime
) -> dict[str, tuple[WorkerRecord, ...]]:
    """The registrations of each container, by its id, that of its present run first."""
    by_boot = {record.info.boot: record for record in registered}
    found: dict[str, list[WorkerRecord]] = {}
    named: set[str] = set()
    for container in containers:
        log = read.get(container.id)
        record = by_boot.get(log.boot) if log and log.boot else None
        record = record or _by_pid(container, registered)
        if record is not None and record.info.boot not in named:
            found[container.id] = [record]
            named.add(record.info.boot)
    for container, record in sorted(_by_host(containers, registered), key=lambda pair: -pair[1].started_ms):
        if record.info.boot not in named:
            found.setdefault(container.id, []).append(record)
    return {key: tuple(records) for key, records in found.items()}


def _by_pid(container: Container, registered: Sequence[WorkerRecord]) -> WorkerRecord | None:
    """In the namespaces of its machine a process has the machine's name, and the number that the engine knows."""
    if not container.up or not container.host_network or not container.pid:
        return None
    whose = (container.hostname, container.pid)
    return next((each for each in registered if (each.info.host, each.info.pid) == whose), None)


def _by_host(
    containers: Sequence[Container], registered: Sequence[WorkerRecord]
) -> Iterable[tuple[Container, WorkerRecord]]:
    """Registrations by a host name that only one container has; that of the machine is nobody's own."""
    names: dict[str, list[Container]] = {}
    for each in containers:
        if not each.host_network:
            names.setdefault(each.hostname or each.short_id, []).append(each)
    for record in registered:
        having = names.get(record.info.host, ())
        if len(having) == 1:
            yield having[0], record


def _contained(
    container: Container, lives: Sequence[WorkerRecord], log: WorkerLog | None, now: datetime, lease_s: float, *,
    asked: bool,
) -> Member:  # fmt: skip
    present = next(iter(lives), None)
    said_so = present is not None and log is not None and log.boot == present.info.boot
    if present is not None and container.up and not said_so and _before_this_run(present, container, now):
        present = None
    earlier = tuple(each for each in lives if each is not present)
    trouble = worker_trouble(log, now) if log else None
    if not container.up or container.state is ContainerState.PAUSED:
        state = _at_rest(container)
    elif present is not None:
        state = _of_record(present, lease_s)
    else:
        state = _of_log(log, trouble, now, lease_s, asked=asked)
    return Member(state, container, present, log, trouble, earlier)


def _before_this_run(record: WorkerRecord, container: Container, now: datetime) -> bool:
    """Ages are compared and not times, for there are two clocks."""
    return container.started_at is not None and record.beat_age_s > (now - container.started_at).total_seconds()


def _at_rest(container: Container) -> MemberState:
    match container.state:
        case ContainerState.PAUSED:
            return MemberState.PAUSED
        case ContainerState.RESTARTING:
            return MemberState.RESTARTING
        case ContainerState.UNKNOWN:
            return MemberState.UNKNOWN
    return MemberState.STOPPED


def _of_record(record: WorkerRecord, lease_s: float) -> MemberState:
    if record.silent(lease_s):
        return MemberState.SILENT
    at_work = MemberState.BUSY if record.jobs else MemberState.READY
    return _OF_MODES.get(record.mode, at_work)


def _of_log(
    log: WorkerLog | None, trouble: WorkerTrouble | None, now: datetime, lease_s: float, *, asked: bool
) -> MemberState:
    """A container that runs, and in which nobody has registered."""
    if log is None:
        return MemberState.UNKNOWN
    if log.ready_at is not None:
        if not (log.ours and asked):
            return MemberState.READY
        # It registers just before it says so; another Redis than ours may know it.
        return MemberState.SILENT if (now - log.ready_at).total_seconds() > lease_s else MemberState.STARTING
    if trouble is not None and trouble.status is Status.FAIL:
        return MemberState.FAILING
    return MemberState.STARTING if log.complete and not log.trouble else MemberState.UNKNOWN
