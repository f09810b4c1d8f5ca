"""What stands in the way of a number of workers, before anything is changed."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from lomi_ops.clients.containers import Engine
from lomi_ops.domain.compose import up_command
from lomi_ops.domain.container import Cluster
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.host_memory import Claim, Demand, HostMemory, room, tight, too_little
from lomi_ops.domain.scale import MOST, Deed, Plan, plan
from lomi_ops.errors import NotFound, Refused, UsageError
from lomi_ops.ops.workers.look import Fleet

_MEMINFO = Path("/proc/meminfo")
_AVAILABLE = re.compile(r"^MemAvailable:\s+(\d+) kB", re.MULTILINE)


def check_number(target: int) -> None:
    """Raises UsageError."""
    if not 0 <= target <= MOST:
        raise UsageError(f"{target} is no number of workers: 0 to {MOST}", hint="lomi scale 4")


def require_service(engine: Engine, cluster: Cluster, service: str) -> None:
    """Raises NotFound with the nearest name where the cluster has no such service."""
    if cluster.has(service):
        return
    known = sorted({*engine.service_names(cluster.project), *(each.name for each in cluster.swarm)})
    if service in known:
        return
    where = f"project {cluster.project}" if cluster.project else f"the engine at {engine.place}"
    close = get_close_matches(service, known, 1, 0.5)
    if close:
        raise NotFound(
            f"{where} has no service {service}, did you mean {close[0]}?", hint=f"lomi scale N --service {close[0]}"
        )
    there = f"; it has {', '.join(known)}" if known else ""
    raise NotFound(f"{where} has no container of service {service}{there}", hint=up_command(cluster, service))


def planned(fleet: Fleet, service: str, target: int, *, resume: bool) -> Plan:
    """For a service in containers of one engine. Raises what kept the look from seeing all, and Refused."""
    for failure in fleet.failures:
        raise failure
    nameless = [each.name for each in fleet.members if each.container and not each.container.place.labelled]
    if nameless:
        text = f"{', '.join(nameless)}: made by hand, without Compose's labels; nobody could tell which are one service"
        raise Refused(text, hint="make them with docker-compose, or start one more as the others were started")
    return plan(service, fleet.members, target, resume=resume)


def check_losses(found: Plan) -> None:
    """Raises Refused where a job would be lost. Of an old worker nobody knows whether it holds one."""
    frozen = [each.name for each in found.steps if each.shuts_down and _frozen(each.member)]
    if frozen:
        text = f"{', '.join(frozen)}: frozen, so it can neither finish its job nor end"
        raise Refused(text, hint=f"docker unpause {' '.join(frozen)}")
    if found.losing:
        names = ", ".join(each.name for each in found.losing)
        text = f"nobody knows what these hold, a job in their hand would be lost: {names}"
        raise Refused(text, hint="wait until the queue is empty (lomi queue stats), then repeat it with --force")


def _frozen(member: Member | None) -> bool:
    return member is not None and member.state is MemberState.PAUSED


def memory(engine: Engine) -> HostMemory:
    """Of the engine's machine; what is free there is known only where it is this machine."""
    found = engine.memory()
    here = (engine.place or "").startswith("unix://")
    return replace(found, available=_available() if here else None)


def _available() -> int | None:
    try:
        match = _AVAILABLE.search(_MEMINFO.read_text())
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None


def demand(found: Plan) -> Demand:
    """What the workers of a plan will need that do not run now."""
    new = [found.model] * len(found.of(Deed.CREATE)) + [each.container for each in found.of(Deed.START)]
    return Demand(tuple(Claim(each.memory_reservation, each.memory_limit) for each in new if each is not None))


def check_memory(host: HostMemory, needed: Demand, now: int) -> str:
    """A word of warning. Raises Refused where the machine cannot hold them beside those that run `now`."""
    if why := too_little(host, needed):
        fits = room(host, needed)
        most = f"lomi scale {now + fits}, the most that fits" if fits else "lomi workers list --memory"
        raise Refused(why, hint=f"{most}; or --force, where these numbers are wrong")
    return tight(host, needed)
