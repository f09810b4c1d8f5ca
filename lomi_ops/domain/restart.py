"""In which order workers are restarted, and which must not be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain.container import Health
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.worker import WorkerMode

_DOWN = (MemberState.STOPPED, MemberState.RESTARTING, MemberState.FAILING, MemberState.SILENT, MemberState.PAUSED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rolling restart would do."""

    order: tuple[Member, ...]
    """One after another."""
    unsafe: tuple[Member, ...] = ()
    """Of these, nobody knows what they hold: a job in their hand would be lost."""
    elsewhere: tuple[Member, ...] = ()
    """Without a container here: whoever has started them must do it."""


def plan(members: Sequence[Member]) -> Plan:
    """First those that do no work, since that costs nothing; then those that hold nothing; the busy ones have time
    until it is their turn."""
    here = [each for each in members if each.container is not None]
    return Plan(
        order=tuple(sorted(here, key=_rank)),
        unsafe=tuple(each for each in here if each.old or (each.state is MemberState.UNKNOWN and not each.idle)),
        elsewhere=tuple(each for each in members if each.container is None),
    )


def _rank(member: Member) -> int:
    if member.state in _DOWN:
        return 0
    return 1 if member.idle else 2


def drains(member: Member) -> bool:
    """Whether it can be told to take nothing new, and says when it holds nothing."""
    return member.registered is not None and member.state not in _DOWN


@dataclass(frozen=True, slots=True)
class Return:
    """How a worker that was started stands. Neither: it is still on its way."""

    back: bool = False
    failed: str = ""
    """Why it will not come back."""


def returned(before: Member, now: Member | None) -> Return:
    """Whether it is at work again, under a registration of its own, and healthy where its container has a check."""
    if now is None or now.container is None or before.container is None:
        return Return(failed="its container is gone")
    container = now.container
    if container.error:
        return Return(failed=container.error)
    if now.state in (MemberState.STOPPED, MemberState.RESTARTING):
        return Return(failed=f"it ended again, exit code {container.exit_code}")
    if container.restart_count > 0:
        return Return(failed=f"it has ended {container.restart_count} times since")
    if not now.works and now.state is not MemberState.QUIET:
        return Return()
    return Return(back=_anew(before, now) and container.health in (Health.NONE, Health.HEALTHY))


def _anew(before: Member, now: Member) -> bool:
    """Whether it is known by a registration of its own. One that had none before may have none now: an old worker."""
    if before.registered is None:
        return True
    return now.registered is not None and now.registered.info.boot != before.registered.info.boot


def was_quiet(member: Member) -> bool:
    """Whether an operator had told it to be quiet: that holds beyond a restart."""
    return member.registered is not None and member.registered.mode is WorkerMode.QUIET
