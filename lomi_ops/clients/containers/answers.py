"""The engine's answers, parsed at the edge: what an older or newer one leaves out is empty, never a crash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lomi_ops.domain.compose import STACK, compose_file
from lomi_ops.domain.container import Container, ContainerState, Health, Place, Port, SwarmService, SwarmTask, one_line
from lomi_ops.domain.host_memory import Claim

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_LONG_TEXT = 400
ROLE, WORKER_ROLE = "org.lomi.role", "worker"
"""The label of our image, as worker/Dockerfile sets it."""
_FAILED = ("failed", "rejected", "orphaned")
_STOP_GRACE_S = 10.0
"""Where a service says nothing."""
_NANOSECONDS = 10**9


def moment(text: object) -> datetime | None:
    """Go's RFC 3339 with up to nine digits; None for its zero time, and for what is none."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1].startswith("0001-"):
        return None
    fraction = (match[2] or ".0")[:7]
    return datetime.fromisoformat(match[1] + fraction + match[3].replace("Z", "+00:00")).astimezone(UTC)


def container(said: Mapping[str, Any], place: Place) -> Container:
    """From `GET /containers/ID/json`."""
    state, config, host = _part(said, "State"), _part(said, "Config"), _part(said, "HostConfig")
    health = _part(state, "Health")
    policy = _part(host, "RestartPolicy")
    return Container(
        id=str(said.get("Id", "")),
        name=str(said.get("Name", "")).lstrip("/"),
        place=place,
        image=str(config.get("Image", "")),
        image_digest=str(said.get("Image", "")),
        state=_state(state),
        health=_health(health),
        health_failures=int(health.get("FailingStreak") or 0),
        health_output=_last_failure(health),
        exit_code=int(state.get("ExitCode") or 0),
        error=one_line(str(state.get("Error") or ""), _LONG_TEXT),
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=int(said.get("RestartCount") or 0),
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        ports=tuple(_ports(_part(_part(said, "NetworkSettings"), "Ports"))),
        memory_limit=int(host.get("Memory") or 0),
        memory_reservation=int(host.get("MemoryReservation") or 0),
        restart_policy=str(policy.get("Name") or "no"),
        hostname=str(config.get("Hostname") or ""),
        host_network=host.get("NetworkMode") == "host",
        pid=int(state.get("Pid") or 0),
        ours=_part(config, "Labels").get(ROLE) == WORKER_ROLE,
        mounts=len(said.get("Mounts") or ()),
        tty=bool(config.get("Tty")),
        compose=compose_file(_part(config, "Labels")),
    )


def memory_used(said: Mapping[str, Any]) -> int | None:
    """From `GET /containers/ID/stats`, as Docker's own command line counts it: without the pages that the kernel may
    drop. None where it does not run."""
    memory = _part(said, "memory_stats")
    usage, stats = memory.get("usage"), _part(memory, "stats")
    if not isinstance(usage, int):
        return None
    return max(0, usage - int(stats.get("inactive_file") or stats.get("total_inactive_file") or 0))


def claim(said: Mapping[str, Any]) -> Claim:
    """What a container may count on and use, from `GET /containers/ID/json`."""
    host = _part(said, "HostConfig")
    return Claim(int(host.get("MemoryReservation") or 0), int(host.get("Memory") or 0))


def _part(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = said.get(name)
    return part if isinstance(part, Mapping) else {}


def _state(state: Mapping[str, Any]) -> ContainerState:
    try:
        return ContainerState(str(state.get("Status", "")))
    except ValueError:
        return ContainerState.UNKNOWN


def _health(health: Mapping[str, Any]) -> Health:
    try:
        return Health(str(health.get("Status") or "none"))
    except ValueError:
        return Health.NONE


def health_command(said: Mapping[str, Any]) -> list[str]:
    """What the engine runs inside of the container as its health check; nothing where it has none."""
    config = _part(said, "Config")
    kind, *words = (config.get("Healthcheck") or {}).get("Test") or [""]
    if kind == "CMD-SHELL":
        return [*(config.get("Shell") or ["/bin/sh", "-c"]), *words]
    return words if kind == "CMD" else []


def _last_failure(health: Mapping[str, Any]) -> str:
    log = health.get("Log") or []
    last = log[-1] if log else {}
    return one_line(str(last.get("Output") or ""), _LONG_TEXT) if last.get("ExitCode") else ""


def _ports(said: Mapping[str, Any]) -> Iterable[Port]:
    for inside, doors in said.items():
        number, _, protocol = inside.partition("/")
        for door in doors or ():
            host_port = str(door.get("HostPort") or "")
            if number.isdecimal() and host_port.isdecimal():
                yield Port(str(door.get("HostIp") or ""), int(host_port), int(number), protocol or "tcp")


def swarm_service(said: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> SwarmService:
    """From `GET /services` and `GET /tasks` of one service."""
    spec = _part(said, "Spec")
    stack = str(_part(spec, "Labels").get(STACK, ""))
    known = sorted(tasks, key=lambda each: str(_part(each, "Status").get("Timestamp", "")), reverse=True)
    wanted = [each for each in known if each.get("DesiredState") == "running"]
    replicas = _part(_part(spec, "Mode"), "Replicated").get("Replicas")
    update = _part(said, "UpdateStatus")
    grace = _part(_part(spec, "TaskTemplate"), "ContainerSpec").get("StopGracePeriod")
    return SwarmService(
        name=str(spec.get("Name", "")).removeprefix(f"{stack}_"),
        project=stack,
        desired=int(replicas) if replicas is not None else len(wanted),
        running=sum(_part(each, "Status").get("State") == "running" for each in wanted),
        failures=tuple(_failure(each) for each in known if _part(each, "Status").get("State") in _FAILED),
        kind=next(iter(_part(spec, "Mode")), "Replicated").lower(),
        stop_grace_s=_STOP_GRACE_S if grace is None else int(grace) / _NANOSECONDS,
        tasks=tuple(map(task, wanted)),
        leaving=sum(_part(each, "Status").get("State") == "running" for each in known if each not in wanted),
        update=str(update.get("State") or ""),
        update_began=moment(update.get("StartedAt")),
        update_said=one_line(str(update.get("Message") or ""), _LONG_TEXT),
    )


def stack_with(services: Sequence[Mapping[str, Any]], workers: str) -> list[Mapping[str, Any]]:
    """The services of the only stack that has the workers' service, or that one alone where it is in no stack; nothing
    where it cannot be told. From `GET /services`."""
    having = {_stack(each) for each in services if _part(each, "Spec").get("Name") == _in_stack(each, workers)}
    if len(having) != 1:
        return []
    (stack,) = having
    return [each for each in services if _stack(each) == stack and (stack or each["Spec"]["Name"] == workers)]


def _stack(service: Mapping[str, Any]) -> str:
    return str(_part(_part(service, "Spec"), "Labels").get(STACK, ""))


def _in_stack(service: Mapping[str, Any], name: str) -> str:
    return f"{_stack(service)}_{name}" if _stack(service) else name


def task(said: Mapping[str, Any]) -> SwarmTask:
    """From `GET /tasks/ID`."""
    status = _part(said, "Status")
    running = status.get("State") == "running"
    container_id = str(_part(status, "ContainerStatus").get("ContainerID") or "")
    return SwarmTask(
        container_id,
        running,
        "" if running else _failure(said),
        id=str(said.get("ID") or ""),
        number=int(said.get("Slot") or 0),
        tty=bool(_part(_part(said, "Spec"), "ContainerSpec").get("TTY")),
    )


def _failure(task: Mapping[str, Any]) -> str:
    status = _part(task, "Status")
    return one_line(str(status.get("Err") or status.get("Message") or status.get("State")), _LONG_TEXT)
