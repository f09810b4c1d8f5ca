"""What containers tell about the services in them: missing, stopped, restarting, unhealthy, killed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lomi_ops.domain import span
from lomi_ops.domain.check import Status
from lomi_ops.domain.compose import up_command
from lomi_ops.domain.container import Cluster, Container, ContainerState, Health, SwarmService, one_line

MIB = 1 << 20
WORKER_LIMIT = 1024 * MIB
WORKER_RESERVATION = 512 * MIB
"""What the production guide gives a worker."""
LOOP_RESTARTS = 3
"""Restarts by the policy from which they are no accident."""
SETTLED_S = 600.0
"""A container that has run for so long is over its restarts."""
OOM_FORGET_S = 86_400.0
"""The engine keeps the mark of a kill as long as the container lives."""
KEPT_UP = ("unless-stopped", "always")
_SHOWN = 200
_ENDS = {
    0: "it ended by itself",
    126: "its command cannot be executed",
    127: "its command does not exist",
    134: "SIGABRT",
    137: "SIGKILL",
    139: "SIGSEGV",
    143: "SIGTERM",
}
_WORST = (Status.FAIL, Status.UNKNOWN, Status.WARN)


class Fault(StrEnum):
    """What can be wrong with a container, or with the containers of a service."""

    MISSING = "missing"
    STOPPED = "stopped"
    RESTARTING = "restarting"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    PAUSED = "paused"
    TOO_FEW = "too_few"
    OOM = "oom"
    LOOP = "loop"
    MEMORY_LIMIT = "memory_limit"
    RESTART_POLICY = "restart_policy"
    IMAGES = "images"
    EXPOSED = "exposed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong."""

    fault: Fault
    status: Status
    """How bad it is: fail, unknown or warn."""
    what: str
    next: str
    """The command to run first."""
    names: tuple[str, ...] = ()
    """The containers that it is about."""


def worst_first(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    return tuple(sorted(troubles, key=lambda each: _WORST.index(each.status)))


def service_troubles(cluster: Cluster, service: str, expected: int = 1) -> tuple[Trouble, ...]:
    """Whether a service runs as it should, the worst first; nothing where it does."""
    swarm = cluster.swarm_service(service)
    if swarm is not None:
        return _swarm_troubles(swarm, expected)
    containers = cluster.of(service)
    if not containers:
        what = f"there is no container of service {service}"
        return (Trouble(Fault.MISSING, Status.FAIL, what, up_command(cluster, service, expected)),)
    up = sum(each.up for each in containers)
    found = [trouble for each in containers if (trouble := _trouble_of(each, spare=up >= expected))]
    if len(containers) < expected:
        what = f"{expected} containers of service {service} are due, there are {len(containers)}"
        found.append(Trouble(Fault.TOO_FEW, Status.FAIL, what, up_command(cluster, service, expected)))
    return worst_first(found)


def _swarm_troubles(swarm: SwarmService, expected: int) -> tuple[Trouble, ...]:
    full_name = swarm.full_name
    look = f"docker service ps --no-trunc {full_name}"
    if swarm.running < swarm.desired:
        why = f": {swarm.failures[0]}" if swarm.failures else ""
        return (Trouble(Fault.TOO_FEW, Status.FAIL, f"{swarm.running} of {swarm.desired} tasks run{why}", look),)
    if swarm.running < expected:
        what = f"{swarm.running} tasks run, {expected} are expected"
        return (Trouble(Fault.TOO_FEW, Status.FAIL, what, f"docker service scale {full_name}={expected}"),)
    return ()


def _trouble_of(container: Container, *, spare: bool) -> Trouble | None:
    """`spare`: as many others run as are needed, so one that was stopped is no harm."""
    name, look = container.name, f"docker logs --tail 50 {container.name}"
    match container.state:
        case ContainerState.RUNNING:
            return _health_trouble(container, look)
        case ContainerState.RESTARTING:
            what = f"{name} restarts again and again: {end_of(container)}, {_times(container.restart_count)} so far"
            return Trouble(Fault.RESTARTING, Status.FAIL, what, look, (name,))
        case ContainerState.PAUSED:
            return Trouble(Fault.PAUSED, Status.FAIL, f"{name} is paused", f"docker unpause {name}", (name,))
        case ContainerState.CREATED if not container.error:
            what = f"{name} was never started"
            return Trouble(Fault.STOPPED, Status.FAIL, what, f"docker start {name}", (name,))
    what = f"{name} has stopped: {end_of(container)}"
    status = Status.WARN if spare else Status.FAIL
    return Trouble(Fault.STOPPED, status, what, look if container.exit_code else f"docker start {name}", (name,))


def _health_trouble(container: Container, look: str) -> Trouble | None:
    name = container.name
    if container.health is Health.UNHEALTHY:
        said = f": {one_line(container.health_output, _SHOWN)}" if container.health_output else ""
        what = f"{name} is unhealthy after {container.health_failures} failed health checks{said}"
        return Trouble(Fault.UNHEALTHY, Status.FAIL, what, look, (name,))
    if container.health is Health.STARTING:
        said = f": {one_line(container.health_output, _SHOWN)}" if container.health_output else ""
        what = f"{name} has passed no health check yet{said}"
        return Trouble(Fault.STARTING, Status.UNKNOWN, what, look, (name,))
    return None


def end_of(container: Container) -> str:
    """How its last run ended."""
    if container.oom_killed:
        return f"exit code {container.exit_code}, killed for want of memory"
    if container.error:
        return one_line(container.error, _SHOWN)
    meaning = _ENDS.get(container.exit_code)
    return f"exit code {container.exit_code}" + (f", {meaning}" if meaning else "")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def oom_troubles(containers: Iterable[Container], now: datetime) -> tuple[Trouble, ...]:
    """Containers in which the kernel killed the main process for want of memory: wrong while they are down or just up
    again, a warning for a day, and then forgotten. A killed child of it leaves no mark."""
    found = []
    for each in containers:
        ended_s = (now - each.finished_at).total_seconds() if each.finished_at else 0.0
        if not each.oom_killed or (each.up and ended_s > OOM_FORGET_S):
            continue
        settled = each.up and _ran_s(each, now) >= SETTLED_S
        since = f", {span.said(ended_s)} ago" if settled else ""
        what = f"{each.name} was killed for want of memory, with {_memory(each.memory_limit)}{since}"
        status = Status.WARN if settled else Status.FAIL
        found.append(Trouble(Fault.OOM, status, what, f"docker stats --no-stream {each.name}", (each.name,)))
    return worst_first(found)


def _ran_s(container: Container, now: datetime) -> float:
    return (now - container.started_at).total_seconds() if container.started_at and container.up else 0.0


def loop_troubles(containers: Iterable[Container], now: datetime) -> tuple[Trouble, ...]:
    """Containers that their policy has started again and again, and that have not run for long since."""
    found = []
    for each in containers:
        if each.restart_count < LOOP_RESTARTS:
            continue
        ran_s = _ran_s(each, now)
        if ran_s >= SETTLED_S:
            continue
        since = f", runs for {span.said(ran_s)}" if each.up else f": {end_of(each)}"
        what = f"{each.name} was restarted {_times(each.restart_count)}{since}"
        found.append(Trouble(Fault.LOOP, Status.FAIL, what, f"docker logs --tail 50 {each.name}", (each.name,)))
    return tuple(found)


def limit_troubles(workers: Sequence[Container]) -> tuple[Trouble, ...]:
    """Workers without the memory limit and the reservation of the guide. More than the guide gives is fine."""
    limit, reserve = "--memory 1g --memory-swap 1g", "--memory-reservation 512m"
    found = (
        _limit(f"no memory limit, {_memory(WORKER_LIMIT)} is due", limit,
               [each for each in workers if each.memory_limit == 0]),
        _limit(f"a memory limit below {_memory(WORKER_LIMIT)}", limit,
               [each for each in workers if 0 < each.memory_limit < WORKER_LIMIT]),
        _limit(f"less than {_memory(WORKER_RESERVATION)} reserved", reserve,
               [each for each in workers if each.memory_reservation < WORKER_RESERVATION]),
    )  # fmt: skip
    return tuple(trouble for trouble in found if trouble is not None)


def _limit(what: str, option: str, workers: Sequence[Container]) -> Trouble | None:
    if not workers:
        return None
    names = tuple(each.name for each in workers)
    fix = f"docker update {option} {' '.join(names)}"
    return Trouble(Fault.MEMORY_LIMIT, Status.WARN, f"{what}: {', '.join(names)}", fix, names)


def _memory(size: int) -> str:
    return "no limit" if size == 0 else f"{size / MIB:.0f} MiB"


def policy_troubles(containers: Iterable[Container]) -> tuple[Trouble, ...]:
    """Containers that stay down after a crash or a restart of the machine."""
    loose = [each for each in containers if each.restart_policy not in KEPT_UP]
    if not loose:
        return ()
    names = tuple(each.name for each in loose)
    listed = ", ".join(f"{each.name} ({each.restart_policy or 'no'})" for each in loose)
    fix = f"docker update --restart unless-stopped {' '.join(names)}"
    return (Trouble(Fault.RESTART_POLICY, Status.WARN, f"not started again by itself: {listed}", fix, names),)


def image_troubles(cluster: Cluster, service: str) -> tuple[Trouble, ...]:
    """Containers of one service that were made from different images."""
    by_image: dict[str, list[Container]] = {}
    for each in cluster.of(service):
        by_image.setdefault(each.image_digest, []).append(each)
    if len(by_image) < 2:
        return ()
    kinds = "; ".join(
        f"{short_digest(digest)} in {', '.join(c.name for c in which)}" for digest, which in by_image.items()
    )
    names = tuple(each.name for each in cluster.of(service))
    what = f"{len(by_image)} images at work: {kinds}"
    return (Trouble(Fault.IMAGES, Status.WARN, what, up_command(cluster, service, len(names)), names),)


def short_digest(digest: str) -> str:
    """Enough of a digest to tell two apart, as Docker shows it."""
    return digest.removeprefix("sha256:")[:12]


def exposure_troubles(containers: Iterable[Container]) -> tuple[Trouble, ...]:
    """Services that the whole world may reach, firewall or not: Docker's rules stand before those of the host."""
    found = []
    for each in containers:
        doors = sorted({port.host_port for port in each.ports if port.open_to_all})
        if doors:
            what = f"{each.name} is published on every address: {', '.join(map(str, doors))}"
            fix = f"publish it as 127.0.0.1:{doors[0]}:… in the Compose file, then: docker port {each.name}"
            found.append(Trouble(Fault.EXPOSED, Status.WARN, what, fix, (each.name,)))
    return tuple(found)
