"""Workers on a new image, one after another: no job in hand is lost, and no further than the first that fails.

An old worker goes only when its successor has been made, and comes back when that one does not work: a broken image
costs one worker for as long as it takes to see that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lomi_ops.clients.containers import Clone
from lomi_ops.clients.containers.successors import REPLACES, successors
from lomi_ops.domain import span
from lomi_ops.domain.container import Container, Health
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.rollout import Runs
from lomi_ops.domain.standing import Standing as Stands
from lomi_ops.domain.standing import stand
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import ContainerError, LomiError, NotFound
from lomi_ops.ops.deploy.order import Handles, NotUp, Order

LOOK_S = 0.5
"""Between two looks while something is waited for."""
GRACE_S = 10.0
"""More than a worker's own grace: it gives its job back in between."""
LAST_WORDS = 20
_DEAF = (MemberState.SILENT, MemberState.RESTARTING, MemberState.FAILING, MemberState.STARTING, MemberState.STOPPED,
         MemberState.PAUSED)  # fmt: skip
"""It does not hear that it shall be quiet, or has nothing to finish."""


@dataclass(frozen=True, slots=True)
class Image:
    """What the new containers are made from."""

    name: str
    labels: Mapping[str, str]
    """By which Compose sees that they are up to date."""


class Roll:
    """Replaces containers one at a time. `replaced` tells at any moment which."""

    def __init__(self, at: Handles, order: Order, image: Image) -> None:
        self._at, self._order, self._image = at, order, image
        self.replaced: list[str] = []

    def tidy(self, containers: Sequence[Runs]) -> None:
        """Ends what a run before this one was killed in the middle of."""
        known = {each.id: each for each in containers}
        for new in successors(self._at.control.engine):
            old = known.get(new.replaces)
            if old is None or new.id not in known:
                continue
            self._at.held.require()
            if not new.up:
                self._at.tell(f"{known[new.id].name} never took the place of {old.name}, and is taken away")
                self._at.control.remove(new.id, force=True)
            elif not old.up:
                self._at.tell(f"{old.name} had given way to {known[new.id].name}, and is taken away")
                self._at.control.remove(old.id)

    def replace(self, old: Runs) -> None:
        """Raises NotUp where the new one does not work; the old one runs again then."""
        member = self._member(old.name)
        if member is None or member.container is None:
            self._at.tell(f"{old.name} has gone meanwhile")
            return
        self._at.held.require()
        labels = dict(self._image.labels) | {REPLACES: member.container.id}
        new = self._at.control.clone(member.container.id, image=self._image.name, labels=labels)
        try:
            self._drain(member)
            self._swap(member, new)
        except BaseException:
            with suppress(LomiError):
                self._at.control.remove(new.id, force=True)
            raise
        self._at.control.remove(member.container.id)
        self.replaced.append(new.name)

    def _swap(self, member: Member, new: Clone) -> None:
        """The old one stops, the new one starts. Whatever keeps the new one from working brings the old one back."""
        assert member.container is not None
        old, began = member.container, self._at.clock()
        code = self._stop(old)
        try:
            self._at.control.start(new.id)
            self._await_ready(new)
        except BaseException as failure:
            lines = failure.lines if isinstance(failure, NotUp) else ()
            with suppress(LomiError):
                self._at.control.remove(new.id, force=True)
            self._at.control.start(old.id)
            self._at.tell(f"{old.name} runs again")
            if isinstance(failure, ContainerError):
                raise NotUp(failure.message, lines=lines, hint=failure.hint) from failure
            raise
        unclean = f" (exit code {code})" if code else ""
        self._at.tell(f"{old.name}{unclean} gave way to {new.name}, ready after {self._at.clock() - began:.0f} s")

    def _stop(self, old: Container) -> int:
        if not old.up:
            return 0
        self._at.held.require()
        return self._at.control.stop(old.id, self._order.grace_s + GRACE_S)

    # --- before -------------------------------------------------------------------------------------------------------

    def _drain(self, member: Member) -> None:
        """Quiet until it holds nothing; whatever interrupts that lets it go on."""
        if member.registered is None or member.state in _DEAF:
            return
        self._at.held.require()
        self._set(member, WorkerMode.QUIET)
        try:
            self._await_empty(member)
        except BaseException:
            if member.state is not MemberState.QUIET:
                self._set(member, WorkerMode.RUNNING)
                self._at.tell(f"{member.name} takes jobs again")
            raise

    def _await_empty(self, member: Member) -> None:
        until, told = self._at.clock() + self._order.drain_s, False
        while jobs := self._held(member):
            if not told:
                self._at.tell(f"{member.name} finishes {', '.join(jobs)}")
                told = True
            if self._at.clock() > until:
                limit = span.said(self._order.drain_s)
                self._at.tell(f"{member.name} has not finished in {limit}: it gives its job back after its grace")
                return
            self._at.sleep(LOOK_S)

    def _held(self, member: Member) -> tuple[str, ...]:
        boot = member.registered.info.boot if member.registered else ""
        return next((each.jobs for each in self._at.registry.list() if each.info.boot == boot), ())

    def _set(self, member: Member, mode: WorkerMode) -> None:
        if member.registered is not None:
            with suppress(NotFound):  # It has left by itself.
                self._at.registry.set_mode(member.registered.info.boot, mode)

    # --- after --------------------------------------------------------------------------------------------------------

    def _await_ready(self, new: Clone) -> None:
        until = self._at.clock() + self._order.ready_s
        while True:
            fleet = self._at.look()
            member = _named(fleet.members, new.name)
            found = stand(member, fresh=True)
            if fleet.failures:
                why = fleet.failures[0].message
            elif found.standing is Stands.READY:
                return
            elif found.settled or _unhealthy(member):
                raise self._not_up(new, found.why)
            else:
                why = found.why
            if self._at.clock() > until:
                raise self._not_up(new, f"{why}, after {span.said(self._order.ready_s)}")
            self._at.sleep(LOOK_S)

    def _not_up(self, new: Clone, why: str) -> NotUp:
        member = self._member(new.name)
        return NotUp(
            f"{new.name} does not work on the new image: {why}",
            lines=last_words(self._at, member.container if member else None),
        )

    def _member(self, name: str) -> Member | None:
        """As it is now. Raises what kept the look from seeing all."""
        fleet = self._at.look()
        for failure in fleet.failures:
            raise failure
        return _named(fleet.members, name)


def _unhealthy(member: Member | None) -> bool:
    return member is not None and member.container is not None and member.container.health is Health.UNHEALTHY


def _named(members: tuple[Member, ...], name: str) -> Member | None:
    return next((each for each in members if each.name == name), None)


def last_words(at: Handles, container: Container | None) -> tuple[str, ...]:
    """The last lines of a container's log."""
    if container is None:
        return ()
    try:
        return tuple(line.text for line in at.control.engine.logs(container, tail=LAST_WORDS))
    except LomiError as failure:
        return (failure.message,)
