"""In which order workers are restarted, and which must not be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.standing import Stand, Standing
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


def returned(before: Member, now: Member | None, stand: Stand) -> Stand:
    """Whether it is at work again: it stands so, and is known by a registration of its own. Also one that an operator
    has made quiet meanwhile."""
    if now is not None and now.state is MemberState.QUIET and stand.standing is Standing.COMING:
        stand = Stand(Standing.READY)
    if stand.standing is Standing.READY and not _anew(before, now):
        return Stand(Standing.COMING, "it has not registered yet")
    return stand


def _anew(before: Member, now: Member | None) -> bool:
    """Whether it is known by a registration of its own. One that had none before may have none now: an old worker."""
    if before.registered is None:
        return True
    return now is not None and now.registered is not None and now.registered.info.boot != before.registered.info.boot


def was_quiet(member: Member) -> bool:
    """Whether an operator had told it to be quiet: that holds beyond a restart."""
    return member.registered is not None and member.registered.mode is WorkerMode.QUIET
