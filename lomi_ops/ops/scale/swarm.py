"""Another number of tasks of a Swarm service. Its manager chooses which go, and stops them itself: SIGTERM, and SIGKILL
after the grace of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lomi_ops.domain.audit import Action, service_subject
from lomi_ops.domain.container import SwarmService
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.standing import Standing, stand
from lomi_ops.errors import NotFound, Refused
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.scale.order import Handles, Order, Outcome, Trouble
from lomi_ops.ops.workers.draining import LOOK_S
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.ops.workers.swarm_tasks import is_registered, require_no_loss

CRASHES = 2
"""New tasks that end so soon are no accident."""
STEADY = 6
"""Looks in a row after which tasks of which nobody knows more are taken for workers that stay."""


@dataclass(frozen=True, slots=True)
class Stands:
    """How the tasks of a service stand."""

    service: SwarmService
    ready: int
    loading: tuple[str, ...] = ()
    """By the short ids of their containers."""
    unknown: int = 0
    """They run, and nothing tells whether their model is loaded."""

    def settled(self, target: int) -> bool:
        there = self.service.desired == self.service.running == target
        return there and not self.service.leaving and not self.loading


def require_number(service: SwarmService) -> None:
    """Raises Refused where nobody says how many tasks there are."""
    if service.kind != "replicated":
        text = f"{service.full_name} is a {service.kind} service: how many tasks it has is not for us to say"
        raise Refused(text, hint=f"docker service inspect --pretty {service.full_name}")


def check(service: SwarmService, fleet: Fleet, order: Order) -> None:
    """Raises Refused where there is no number to set, or where a job would be lost."""
    require_number(service)
    if order.target < service.desired and not order.force:
        require_no_loss(service, fleet.members, order.grace_s)


def stands(service: SwarmService, members: Sequence[Member]) -> Stands:
    """Each task by what its worker registered, and on this machine by what its container logs."""
    registered = {each.registered.info.host: each for each in members if each.registered is not None}
    here = {each.container.id: each for each in members if each.container is not None}
    ours = any(is_registered(task, members) for task in service.tasks)
    ready, loading, unknown = 0, [], 0
    for task in service.tasks:
        member = here.get(task.container_id) or registered.get(task.short_id)
        if not task.running:
            continue
        if member is None:
            # One of ours says so itself; an old one on another machine tells nobody.
            loading += [task.short_id] if ours else []
            unknown += not ours
        elif member.works or (member.container and stand(member, fresh=False).standing is Standing.READY):
            ready += 1
        else:
            loading.append(task.short_id)
    return Stands(service, ready, tuple(loading), unknown)


class SwarmRun:
    """One scaling of a service."""

    def __init__(self, at: Handles, order: Order, service: SwarmService, held: Held) -> None:
        self._at, self._order, self._before, self._held = at, order, service, held
        self.outcome = Outcome(service.name, service.desired, order.target, waited=order.wait)

    def run(self) -> Outcome:
        """Raises ContainerError where the manager refuses."""
        began = self._at.clock()
        if self._order.target != self._before.desired:
            self._note({"workers": self._before.desired}, {"wanted": self._order.target})
            self._set(self._order.target)
            if self._before.project:
                word = f"docker stack deploy goes by its file: write `replicas: {self._order.target}` there"
                self.outcome.notes.append(word)
        try:
            found = self._await() if self._order.wait else self._stands()
            self._tell_of(found)
        finally:
            self.outcome.ready_s = self.outcome.took_s = self._at.clock() - began
            if self._order.target != self._before.desired:
                self._note({}, {"running": self.outcome.running, "ready": self.outcome.ready})
        return self.outcome

    def _set(self, number: int) -> None:
        self._held.require()
        self._at.control.scale_service(self._before.full_name, number)
        self._at.tell(f"the Swarm is told to run {number} tasks of {self._before.full_name}")

    def _note(self, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        subject, reason = service_subject(self._before.name), self._order.reason
        self._at.journal.note(
            self._order.by, Action.SCALE, subject, self._at.wall(), reason, before=before, after=after
        )

    def _stands(self) -> Stands:
        until = self._at.clock() + self._order.patience_s
        while (fleet := self._at.look()).failures:
            if self._at.clock() > until:
                raise fleet.failures[0]
            self._held.require()
            self._at.sleep(LOOK_S)
        service = fleet.cluster.swarm_service(self._before.name) if fleet.cluster else None
        if service is None:
            raise NotFound(f"the service {self._before.full_name} is gone", hint="docker service ls")
        return stands(service, fleet.members)

    def _await(self) -> Stands:
        until, said, steady = self._at.clock() + self._order.patience_s, "", 0
        while True:
            found = self._stands()
            steady = steady + 1 if found.settled(self._order.target) else 0
            there = steady >= (STEADY if found.unknown else 1)
            words = f"{found.service.running} of {self._order.target} tasks run, {found.ready} are ready"
            if words != said:
                said = words
                self._at.tell(words)
            if there or self._crashes(found) >= CRASHES or self._at.clock() > until:
                return found
            self._at.sleep(LOOK_S)

    def _crashes(self, found: Stands) -> int:
        return len(found.service.failures) - len(self._before.failures)

    def _tell_of(self, found: Stands) -> None:
        service = found.service
        self.outcome.running, self.outcome.ready = service.running, found.ready
        if found.settled(self._order.target):
            if found.unknown:
                why = "not registered, and their logs are on other machines"
                self.outcome.unknown.append(Trouble(f"{found.unknown} tasks", why))
        elif self._order.wait and self._crashes(found) >= CRASHES:
            self.outcome.failed.append(Trouble(service.full_name, f"its tasks end: {service.failures[0]}"))
            if self._order.target > self._before.desired and not self._order.keep:
                self._set(self._before.desired)
        elif self._order.wait:
            waiting = [task.words for task in service.tasks if not task.running]
            why = waiting[0] if waiting else f"{len(found.loading)} have not loaded their model yet"
            if service.leaving:
                why = f"{service.leaving} tasks have not ended yet"
            self.outcome.late.append(Trouble(service.full_name, why))
