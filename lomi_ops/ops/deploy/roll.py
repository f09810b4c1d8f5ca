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
from lomi_ops.domain.container import SHORT_ID, Container
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.rollout import Runs
from lomi_ops.domain.standing import Stand, Standing
from lomi_ops.errors import ContainerError, LomiError
from lomi_ops.ops.deploy.order import Handles, NotUp, Order
from lomi_ops.ops.workers.arriving import Arrivals, last_words
from lomi_ops.ops.workers.draining import GRACE_S, LOOK_S, Draining


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
        self._arrivals = Arrivals(at.control)
        self.replaced: list[str] = []

    def tidy(self, containers: Sequence[Runs]) -> None:
        """Ends what a run before this one was killed in the middle of."""
        known = {each.id: each for each in containers}
        for new in successors(self._at.control.engine):
            if new.id not in known:
                continue
            self._at.held.require()
            old, name = known.get(new.replaces), known[new.id].name
            if old is not None and not new.up:
                self._at.tell(f"{name} never took the place of {old.name}, and is taken away")
                self._at.control.remove(new.id, force=True)
            elif old is not None and not old.up:
                self._at.tell(f"{old.name} had given way to {name}, and is taken away")
                self._at.control.remove(old.id)
                self._at.control.rename(new.id, old.name)
            elif old is None and name.startswith(f"{new.replaces[:SHORT_ID]}_"):
                self._at.control.rename(new.id, name.partition("_")[2])

    def replace(self, old: Runs) -> None:
        """Raises NotUp where the new one does not work; the old one runs again then. Also where one of those before
        has come to work no more: then this one is not touched."""
        members = self._now()
        if fallen := self._arrivals.fallen(members):
            worker, why = fallen
            raise NotUp(_said(worker.name, why), lines=last_words(self._at.control, worker.container))
        member = _named(members, old.name)
        if member is None or member.container is None:
            self._at.tell(f"{old.name} has gone meanwhile")
            return
        self._at.held.require()
        labels = dict(self._image.labels) | {REPLACES: member.container.id}
        new = self._at.control.succeed(member.container.id, image=self._image.name, labels=labels)
        try:
            with self._draining(member) as draining:
                draining.wait(self._order.drain_s)
                code = self._stop(member.container)
                draining.left(member.name)
            self._swap(member.container, new, code)
        except BaseException:
            with suppress(LomiError):
                self._at.control.remove(new.id, force=True)
            raise
        self._at.control.remove(member.container.id)
        self._at.control.rename(new.id, member.name)
        self.replaced.append(member.name)

    def _draining(self, member: Member) -> Draining:
        at = self._at
        return Draining([member], at.registry, at.held, at.tell, at.clock, at.sleep)

    def _swap(self, old: Container, new: Clone, code: int) -> None:
        """The old one has stopped, the new one starts. Whatever keeps it from working brings the old one back."""
        began = self._at.clock()
        try:
            self._at.control.start(new.id)
            self._await_ready(old, new)
        except BaseException as failure:
            lines = failure.lines if isinstance(failure, NotUp) else ()
            with suppress(LomiError):
                self._at.control.remove(new.id, force=True)
            self._at.control.start(old.id)
            self._at.tell(f"{old.name} runs again")
            if isinstance(failure, ContainerError):
                raise NotUp(failure.message, lines=lines, hint=failure.hint) from failure
            raise
        unclean = f"; the old one ended with exit code {code}" if code else ""
        self._at.tell(f"{old.name} is a new one now, ready after {self._at.clock() - began:.0f} s{unclean}")

    def _stop(self, old: Container) -> int:
        if not old.up:
            return 0
        self._at.held.require()
        return self._at.control.stop(old.id, self._order.grace_s + GRACE_S)

    # --- after --------------------------------------------------------------------------------------------------------

    def _await_ready(self, old: Container, new: Clone) -> None:
        until = self._at.clock() + self._order.ready_s
        while True:
            fleet = self._at.look()
            if fleet.failures:
                found = Stand(Standing.COMING, fleet.failures[0].message)
            else:
                found = self._arrivals.stand(_named(fleet.members, new.name))
            if found.standing is Standing.READY:
                return
            if found.settled:
                raise self._not_up(old, new, found.why)
            if self._at.clock() > until:
                raise self._not_up(old, new, f"{found.why}, after {span.said(self._order.ready_s)}")
            self._at.sleep(LOOK_S)

    def _not_up(self, old: Container, new: Clone, why: str) -> NotUp:
        member = self._member(new.name)
        lines = last_words(self._at.control, member.container if member else None)
        return NotUp(_said(old.name, why), lines=lines)

    def _member(self, name: str) -> Member | None:
        """As it is now. Raises what kept the look from seeing all."""
        return _named(self._now(), name)

    def _now(self) -> tuple[Member, ...]:
        fleet = self._at.look()
        for failure in fleet.failures:
            raise failure
        return fleet.members


def _said(name: str, why: str) -> str:
    return f"{name} does not work on the new image: {why}"


def _named(members: tuple[Member, ...], name: str) -> Member | None:
    return next((each for each in members if each.name == name), None)
