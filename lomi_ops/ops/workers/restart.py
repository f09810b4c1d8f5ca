"""A rolling restart: one worker at a time, none with a job in its hand, and no further than the first that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.clients.containers import Control
from lomi_ops.domain import span
from lomi_ops.domain.audit import Action, worker_subject
from lomi_ops.domain.container import Container
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.restart import Plan, returned, was_quiet
from lomi_ops.domain.standing import Stand, Standing
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import LomiError, NotFound
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.operations import Journal
from lomi_ops.ops.workers.arriving import Arrivals, last_words
from lomi_ops.ops.workers.draining import GRACE_S, LOOK_S, Draining
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.queue.workers import WorkerRegistry


class NotBack(LomiError):
    """A worker was restarted and does not work; the others were left alone."""

    def __init__(self, message: str, *, lines: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it, and how long each step may take."""

    by: str
    reason: str
    grace_s: float
    """What a worker takes to finish or to give back after its SIGTERM."""
    drain_s: float
    ready_s: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """One worker that is at work again."""

    name: str
    held: int
    """Jobs that it had when its turn came."""
    drained_s: float
    exit_code: int | None
    """None where it did not run before."""
    ready_s: float


@dataclass(frozen=True, slots=True)
class Roller:
    """Everything that a restart needs."""

    registry: WorkerRegistry
    control: Control
    look: Callable[[], Fleet]
    """All workers as they are now."""
    lock: Held
    journal: Journal
    order: Order
    wall: Callable[[], datetime]
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def roll(self, found: Plan, done: Callable[[Restarted], None]) -> None:
        """Each of the plan. Raises NotBack at the first that does not come back, Conflict where the lease is lost."""
        arrivals = Arrivals(self.control)
        for number, member in enumerate(found.order, start=1):
            self.tell(f"{number} of {len(found.order)}: {member.name}")
            done(self._one(member.name, arrivals))

    def _one(self, name: str, arrivals: Arrivals) -> Restarted:
        """As it is now, which may be otherwise than when the plan was made."""
        fleet = self.look()
        if fleet.failures:
            raise fleet.failures[0]
        if fallen := arrivals.fallen(fleet.members):
            raise self._not_back(*fallen)
        member = _named(fleet, name)
        if member is None or member.container is None:
            raise NotBack(f"{name} has gone meanwhile", hint="lomi workers list")
        held, began = len(member.jobs), self.clock()
        with self._draining(member) as draining:
            draining.wait(self.order.drain_s)
            drained_s = self.clock() - began if member.hears else 0.0
            exit_code = self._bounce(member.container)
            draining.left(name)
        began = self.clock()
        back = self._await(member, arrivals)
        if was_quiet(member):
            self._quiet_again(back)
        ready_s = self.clock() - began
        self._note(name, {"jobs": held}, {"exit_code": exit_code, "ready_s": round(ready_s, 1)})
        return Restarted(name, held, drained_s, exit_code, ready_s)

    def _draining(self, member: Member) -> Draining:
        return Draining([member], self.registry, self.lock, self.tell, self.clock, self.sleep)

    def _quiet_again(self, back: Member) -> None:
        if back.registered is not None:
            with suppress(NotFound):  # It has left by itself.
                self.registry.set_mode(back.registered.info.boot, WorkerMode.QUIET)
                self.tell(f"{back.name} was quiet, and is again")

    # --- stop and start -----------------------------------------------------------------------------------------------

    def _bounce(self, container: Container) -> int | None:
        """Its exit code. What has been told to stop is started again, whoever interrupts."""
        self.lock.require()
        if not container.up:
            self.control.start(container.id)
            return None
        try:
            exit_code = self.control.stop(container.id, self.order.grace_s + GRACE_S)
        except (KeyboardInterrupt, SystemExit):
            self.tell(f"{container.name} is on its way out: it is started again first")
            self._await_end(container)
            raise
        finally:
            self.control.start(container.id)
        if exit_code != 0:
            self.tell(f"{container.name} ended with exit code {exit_code}, not 0")
        return exit_code

    def _await_end(self, container: Container) -> None:
        until = self.clock() + self.order.grace_s + GRACE_S
        while (now := self.control.engine.again(container)) and now.up and self.clock() < until:
            self.sleep(LOOK_S)

    # --- after --------------------------------------------------------------------------------------------------------

    def _await(self, before: Member, arrivals: Arrivals) -> Member:
        until = self.clock() + self.order.ready_s
        while True:
            over = self.clock() > until  # The last look comes after the end.
            fleet = self.look()
            now = _named(fleet, before.name)
            if fleet.docker:
                found = Stand(Standing.COMING, fleet.docker.message)
            else:
                found = returned(before, now, arrivals.stand(now))
            if found.standing is Standing.READY and now is not None:
                return now
            if found.standing is Standing.FAILED:
                raise self._not_back(before, found.why)
            if over:
                raise self._not_back(before, f"{found.why}, after {span.said(self.order.ready_s)}")
            self.sleep(LOOK_S)

    def _not_back(self, member: Member, why: str) -> NotBack:
        self._note(member.name, {}, {"failed": why})
        text = f"{member.name} does not come back: {why}; the workers behind it were left as they are"
        hint = f"lomi workers logs {member.name}; once that is mended: lomi workers restart"
        return NotBack(text, lines=last_words(self.control, member.container), hint=hint)

    def _note(self, name: str, before: dict[str, object], after: dict[str, object]) -> None:
        self.journal.note(self.order.by, Action.RESTART, worker_subject(name), self.wall(), self.order.reason,
                          before=before, after=after)  # fmt: skip


def _named(fleet: Fleet, name: str) -> Member | None:
    return next((each for each in fleet.members if each.name == name), None)
