"""From so many workers to so many others: which are made, started, drained or taken away. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lomi_ops.domain.container import Container
from lomi_ops.domain.fleet import Member, MemberState

MOST = 1000
"""More workers of one service are a slip of the finger."""


class Deed(StrEnum):
    """What is done to one worker."""

    CREATE = "create"
    """A new container, like another one of the service."""
    START = "start"
    """One that is there and does not run."""
    RESUME = "resume"
    """It was told to be quiet, and is needed."""
    DRAIN = "drain"
    """Takes nothing new, finishes what it has, ends, and goes."""
    STOP = "stop"
    """As drain, but its container stays: it is the last one, and the next ones will be made like it."""
    REMOVE = "remove"
    """It does not run; its container goes."""


_SHUTS_DOWN = (Deed.DRAIN, Deed.STOP)
_FIRST_TO_GO = (
    MemberState.RESTARTING,
    MemberState.FAILING,
    MemberState.SILENT,
    MemberState.STARTING,
    MemberState.DRAINING,
)
"""They do no work, in this order."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    deed: Deed
    why: str
    member: Member | None = None
    """None for a container that is to be made."""
    losing: bool = False
    """Nobody knows what it holds: a job in its hand would be lost."""

    @property
    def container(self) -> Container | None:
        return self.member.container if self.member else None

    @property
    def name(self) -> str:
        return self.member.name if self.member else ""

    @property
    def shuts_down(self) -> bool:
        return self.deed in _SHUTS_DOWN


@dataclass(frozen=True, slots=True)
class Plan:
    """How to get from what is there to what is wanted."""

    service: str
    now: int
    """Containers that run, or that their policy tries to run."""
    target: int
    steps: tuple[Step, ...] = ()
    model: Container | None = None
    """What new ones are made like; None where none are made."""
    notes: tuple[str, ...] = ()
    """What an operator should know before."""

    def of(self, *deeds: Deed) -> tuple[Step, ...]:
        return tuple(each for each in self.steps if each.deed in deeds)

    @property
    def grows_by(self) -> int:
        """Containers that will run and do not run now."""
        return len(self.of(Deed.CREATE, Deed.START))

    @property
    def losing(self) -> tuple[Step, ...]:
        return tuple(each for each in self.steps if each.losing)


def plan(service: str, members: Sequence[Member], target: int, *, resume: bool = True) -> Plan:
    """`members` are those of the service's containers on one engine; the others are nobody's to scale here.

    With `resume` whoever is quiet and stays takes jobs again: so many workers are wanted at work.
    """
    here = [each for each in members if each.container is not None]
    running = [each for each in here if _runs(each)]
    resting = sorted((each for each in here if not _runs(each)), key=_number)
    if target < len(running):
        found = _down(service, running, resting, target)
    else:
        found = _up(service, running, resting, target)
    return found if resume else replace(found, steps=found.of(*(set(Deed) - {Deed.RESUME})))


def _runs(member: Member) -> bool:
    return member.state is not MemberState.STOPPED


def _number(member: Member) -> tuple[int, str]:
    return (member.container.place.number if member.container else 0, member.name)


def _up(service: str, running: Sequence[Member], resting: Sequence[Member], target: int) -> Plan:
    missing = target - len(running)
    model = _model(running, resting)
    steps = [Step(Deed.RESUME, "it is quiet", each) for each in running if each.state is MemberState.QUIET]
    alike = [each for each in resting if model is not None and _same_image(each, model)][:missing]
    steps += [Step(Deed.START, f"it has stopped{_with_code(each)}", each) for each in alike]
    fresh = missing - len(alike)
    steps += [Step(Deed.CREATE, f"like {model.name}" if model else "") for _ in range(fresh)]
    notes = tuple(_notes(running, resting, model)) if missing else ()
    return Plan(service, len(running), target, tuple(steps), model if fresh else None, notes)


def _with_code(member: Member) -> str:
    code = member.container.exit_code if member.container else 0
    return f" with exit code {code}" if code else ""


def _same_image(member: Member, model: Container) -> bool:
    return member.container is not None and member.container.image_digest == model.image_digest


def _model(running: Sequence[Member], resting: Sequence[Member]) -> Container | None:
    """One that works, if there is one; of those the one that was started last: in the middle of a deploy it is new."""
    best = sorted(
        [*running, *resting],
        key=lambda each: (not each.works, not _runs(each), -_started(each), _number(each)),
    )
    return best[0].container if best else None


def _started(member: Member) -> float:
    started = member.container.started_at if member.container else None
    return started.timestamp() if started else 0.0


def _notes(running: Sequence[Member], resting: Sequence[Member], model: Container | None) -> list[str]:
    if model is None:
        return []
    images = {each.container.image_digest for each in running if each.container}
    notes = []
    if len(images) > 1:
        notes.append(f"{len(images)} images are at work; new ones are made like {model.name}")
    others = [each.name for each in resting if not _same_image(each, model)]
    if others:
        notes.append(f"left alone, for they have stopped with another image: {', '.join(others)}")
    return notes


def _down(service: str, running: Sequence[Member], resting: Sequence[Member], target: int) -> Plan:
    """Of those that stay, whoever was quiet takes jobs again."""
    unsafe = _unsafe(running)
    going = sorted(running, key=lambda each: _worth(each, unsafe))[: len(running) - target]
    steps = [Step(Deed.REMOVE, f"it has stopped{_with_code(each)}", each) for each in reversed(resting)]
    steps += [Step(Deed.DRAIN, _why(each, unsafe), each, losing=each.name in unsafe) for each in going]
    if target == 0:
        steps[-1] = replace(steps[-1], deed=Deed.STOP, why="the last one; its container stays")
    gone = {each.name for each in going}
    steps += [
        Step(Deed.RESUME, "it is quiet", each)
        for each in running
        if each.state is MemberState.QUIET and each.name not in gone
    ]
    return Plan(service, len(running), target, tuple(steps))


def _unsafe(running: Sequence[Member]) -> frozenset[str]:
    """Those of whom nobody knows what they hold, and who would not finish it: workers of another program than ours,
    ready or not, for they may be by the time they are stopped. Ours is what has the label of our image, or the image of
    one that has registered."""
    ours = {each.container.image_digest for each in running if each.container and each.registered}
    return frozenset(each.name for each in running if _may_lose(each, ours))


def _may_lose(member: Member, ours: Collection[str]) -> bool:
    if member.registered is not None or member.state in (MemberState.SILENT, MemberState.RESTARTING):
        return False
    if member.old:
        return True
    if member.log is not None and member.log.ours:
        return False
    return member.container is None or not (member.container.ours or member.container.image_digest in ours)


def _worth(member: Member, unsafe: frozenset[str]) -> tuple[int, int, int, str]:
    """Who goes first: whoever does no work, then whoever holds nothing, then whoever holds least; the highest number of
    those, as with Compose. Those of whom nobody knows, and frozen ones that hear nothing, go last."""
    number, name = _number(member)
    return (_rank(member, unsafe), len(member.jobs), -number, name)


def _rank(member: Member, unsafe: frozenset[str]) -> int:
    if member.state is MemberState.PAUSED:
        return 30
    if member.name in unsafe:
        return 20
    if member.state is MemberState.SILENT or (member.state in _FIRST_TO_GO and not member.jobs):
        return _FIRST_TO_GO.index(member.state)
    return 10 + (member.state is not MemberState.QUIET)


def _why(member: Member, unsafe: frozenset[str]) -> str:
    if member.state is MemberState.PAUSED:
        return "it is frozen"
    if member.name in unsafe:
        return "nobody knows what it holds"
    if member.state is MemberState.SILENT:
        return "it does not beat; what it held goes to others"
    if member.jobs:
        number = len(member.jobs)
        return f"it holds {number} job{'s' if number > 1 else ''}, which it finishes first"
    return {
        MemberState.RESTARTING: "it ends again and again",
        MemberState.FAILING: "it cannot work",
        MemberState.STARTING: "it is not ready yet",
    }.get(member.state, "it is idle")
