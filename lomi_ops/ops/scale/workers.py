"""The workers while their number changes: how they are now, and telling them something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain.fleet import Member
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import NotFound
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.scale.order import Handles, Order
from lomi_ops.ops.workers.draining import GRACE_S, LOOK_S, Draining


@dataclass(frozen=True, slots=True)
class Workers:
    """Those of one scaling."""

    at: Handles
    order: Order
    held: Held
    """Asked before every change."""

    def now(self) -> dict[str, Member]:
        """By the names of their containers. An outage is weather, for a while; then it is raised."""
        until = self.at.clock() + self.order.patience_s
        while (fleet := self.at.look()).failures:
            if self.at.clock() > until:
                raise fleet.failures[0]
            self.held.require()
            self.pause()
        return {each.name: each for each in fleet.members if each.container is not None}

    def tell(self, member: Member, mode: WorkerMode) -> bool:
        """False where it is not registered, or has left by itself."""
        if member.registered is None:
            return False
        try:
            self.at.registry.set_mode(member.registered.info.boot, mode)
        except NotFound:
            return False
        return True

    def draining(self, members: Sequence[Member]) -> Draining:
        """They take nothing new inside of this context."""
        at = self.at
        return Draining(members, at.registry, self.held, at.tell, at.clock, at.sleep)

    def stop(self, container: str) -> int:
        """It finishes its job, or gives it back; its exit code."""
        return self.at.control.stop(container, self.order.grace_s + GRACE_S)

    def pause(self) -> None:
        self.at.sleep(LOOK_S)
