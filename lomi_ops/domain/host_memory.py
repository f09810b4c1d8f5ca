"""Whether a machine's memory holds more workers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.domain.container_rules import MIB, WORKER_LIMIT, WORKER_RESERVATION

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Claim:
    """What one running container may count on, and may use at most. Bytes; 0 is none."""

    reservation: int
    limit: int


@dataclass(frozen=True, slots=True)
class HostMemory:
    """The memory of the machine that an engine runs on."""

    total: int
    claims: tuple[Claim, ...] = ()
    """Of all containers that run there, whoever made them."""
    available: int | None = None
    """What the kernel could give now; None for another machine than this one."""

    @property
    def reserved(self) -> int:
        return sum(each.reservation for each in self.claims)

    @property
    def limits(self) -> int:
        return sum(each.limit for each in self.claims)


@dataclass(frozen=True, slots=True)
class Demand:
    """What more workers need: bytes of each that runs then and does not run now."""

    claims: tuple[Claim, ...]

    @property
    def reservation(self) -> int:
        """One that reserves nothing needs what the guide gives a worker."""
        return sum(each.reservation or WORKER_RESERVATION for each in self.claims)

    @property
    def limit(self) -> int:
        return sum(each.limit or WORKER_LIMIT for each in self.claims)


def too_little(host: HostMemory, demand: Demand) -> str:
    """Why the machine cannot hold them, with the numbers; empty where it can."""
    if not demand.claims:
        return ""
    more = _more(demand)
    if host.total and host.reserved + demand.reservation > host.total:
        there = (
            f"{size(host.reserved)} are reserved by {len(host.claims)} containers"
            if host.reserved
            else "none is reserved"
        )
        return f"{more} {size(demand.reservation)}; of {size(host.total)} of this machine {there}"
    if host.available is not None and demand.reservation > host.available:
        return f"{more} {size(demand.reservation)}; {size(host.available)} of {size(host.total)} are free now"
    return ""


def room(host: HostMemory, demand: Demand) -> int:
    """How many of them the machine can hold."""
    each = demand.reservation // max(1, len(demand.claims)) or 1
    left = host.total - host.reserved
    free = left if host.available is None else min(left, host.available)
    return max(0, free // each)


def tight(host: HostMemory, demand: Demand) -> str:
    """A word where they fit by what they reserve, and not by what they may use; empty where both fit."""
    if not demand.claims or not host.total or host.limits + demand.limit <= host.total:
        return ""
    return (
        f"limits will add up to {size(host.limits + demand.limit)} of {size(host.total)}: "
        "if all use theirs, the kernel kills one"
    )


def _more(demand: Demand) -> str:
    number = len(demand.claims)
    return "1 more worker needs" if number == 1 else f"{number} more workers need"


def size(number: int) -> str:
    """`512 MiB`, `1.5 GiB`."""
    return f"{number / MIB:.0f} MiB" if number < GIB else f"{number / GIB:.1f} GiB"
