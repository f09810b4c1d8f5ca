"""Which workers are meant by the names that somebody typed, and whether they can be told anything. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import NotFound, UsageError

_LISTED = 6


def names_of(member: Member) -> Iterator[str]:
    """Everything that one can be called: its container's name, in full and without the project, and id; its part of a
    local stack; its host and process, and the id of its start."""
    if container := member.container:
        yield container.name
        yield container.short_name
        yield container.id
    if member.part:
        yield member.part
    if registered := member.registered:
        yield registered.info.name
        yield registered.info.host
        yield registered.info.boot


def chosen(members: Sequence[Member], typed: Sequence[str]) -> tuple[Member, ...]:
    """The workers of these names, or of the only ones that begin so, each once and in the order of the list.

    Raises NotFound with the nearest name, UsageError where several may be meant.
    """
    wanted = [_one(members, name) for name in dict.fromkeys(typed)]
    return tuple(each for each in members if any(each is one for one in wanted))


def _one(members: Sequence[Member], name: str) -> Member:
    exact = [each for each in members if name in names_of(each)]
    found = exact or [each for each in members if name and any(known.startswith(name) for known in names_of(each))]
    if len(found) == 1:
        return found[0]
    if not found:
        known = [known for each in members for known in names_of(each)]
        close = get_close_matches(name, known, 1, 0.5)
        meant = f", did you mean {close[0]}?" if close else ""
        raise NotFound(f"there is no worker {name}{meant}", hint="lomi workers list")
    listed = ", ".join(each.name for each in found[:_LISTED]) + (", …" if len(found) > _LISTED else "")
    raise UsageError(f"{name} may be {len(found)} workers: {listed}", hint="name one of them: lomi workers list")


class Answer(StrEnum):
    """What comes of telling a worker to be quiet, or to go on."""

    TOLD = "told"
    """It hears it with its next beat, and its claims obey at once."""
    ALREADY = "already"
    CANNOT = "cannot"
    """It goes on as it is."""
    NOBODY = "nobody"
    """It does not run: there is nobody to tell."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes of telling one worker."""

    member: Member
    answer: Answer
    why: str = ""


def reply(member: Member, mode: WorkerMode) -> Reply:
    """What would come of telling it to be in this mode."""
    record = member.registered
    if member.state in (MemberState.STOPPED, MemberState.RESTARTING):
        return Reply(member, Answer.NOBODY, f"it is {member.state}")
    if record is None:
        return _unheard(member, mode)
    if record.mode is mode:
        return Reply(member, Answer.ALREADY)
    if record.mode is WorkerMode.DRAINING:
        if mode is WorkerMode.QUIET:
            return Reply(member, Answer.ALREADY, "it is on its way out")
        return Reply(member, Answer.CANNOT, "it is on its way out")
    late = "it is silent, and hears it when it comes back" if member.state is MemberState.SILENT else ""
    return Reply(member, Answer.TOLD, late)


def _unheard(member: Member, mode: WorkerMode) -> Reply:
    if member.old and mode is WorkerMode.RUNNING:
        return Reply(member, Answer.ALREADY, "an old worker takes no orders")
    if member.old:
        return Reply(member, Answer.CANNOT, "an old worker takes no orders")
    if member.state in (MemberState.STARTING, MemberState.FAILING):
        return Reply(member, Answer.CANNOT, "it has not registered yet")
    return Reply(member, Answer.CANNOT, "the registry does not know it")
