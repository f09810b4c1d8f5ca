"""A rolling restart: one worker at a time, none with a job in its hand, and no further than the first that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.clients.containers import Control
from lomi_ops.domain import span
from lomi_ops.domain.audit import Action, worker_subject
from lomi_ops.domain.container import Container
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.restart import Plan, Return, drains, returned, was_quiet
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import DockerUnavailable, LomiError, NotFound
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.operations import Journal
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.queue.workers import WorkerRegistry

LOOK_S = 0.5
"""Between two looks while something is waited for."""
GRACE_S = 10.0
"""More than a worker's own grace: it gives its job back in between."""
LAST_WORDS = 12
"""Lines of a worker that does not come back."""


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
        for number, member in enumerate(found.order, start=1):
            self.tell(f"{number} of {len(found.order)}: {member.name}")
            done(self._one(member.name))

    def _one(self, name: str) -> Restarted:
        """As it is now, which may be otherwise than when the plan was made."""
        fleet = self.look()
        if fleet.failures:
            raise fleet.failures[0]
        member = _named(fleet, name)
        if member is None or member.container is None:
            raise NotBack(f"{name} has gone meanwhile", hint="lomi workers list")
        held, began, drained_s = len(member.jobs), self.clock(), 0.0
        try:
            if drains(member):
                self._drain(member)
                drained_s = self.clock() - began
            exit_code = self._bounce(member.container)
        except BaseException:
            self._let_go_on(member)
            raise
        began = self.clock()
        back = self._await(member)
        if was_quiet(member) and back.registered is not None:
            self._set(back, WorkerMode.QUIET)
            self.tell(f"{name} was quiet, and is again")
        ready_s = self.clock() - began
        self._note(name, {"jobs": held}, {"exit_code": exit_code, "ready_s": round(ready_s, 1)})
        return Restarted(name, held, drained_s, exit_code, ready_s)

    # --- before -------------------------------------------------------------------------------------------------------

    def _drain(self, member: Member) -> None:
        """Quiet until it holds nothing."""
        self.lock.require()
        self._set(member, WorkerMode.QUIET)
        self._await_empty(member)

    def _let_go_on(self, member: Member) -> None:
        """Whatever came in between: one that was made quiet for nothing takes jobs again."""
        if not drains(member) or was_quiet(member) or member.registered is None:
            return
        boot = member.registered.info.boot
        if any(each.info.boot == boot and each.mode is WorkerMode.QUIET for each in self.registry.list()):
            self._set(member, WorkerMode.RUNNING)
            self.tell(f"{member.name} takes jobs again")

    def _await_empty(self, member: Member) -> None:
        until, told = self.clock() + self.order.drain_s, False
        while jobs := self._held(member):
            if not told:
                self.tell(f"{member.name} finishes {', '.join(jobs)}")
                told = True
            if self.clock() > until:
                limit = span.said(self.order.drain_s)
                self.tell(f"{member.name} has not finished in {limit}: it gives its job back when its grace is over")
                return
            self.sleep(LOOK_S)

    def _held(self, member: Member) -> tuple[str, ...]:
        boot = member.registered.info.boot if member.registered else ""
        return next((each.jobs for each in self.registry.list() if each.info.boot == boot), ())

    def _set(self, member: Member, mode: WorkerMode) -> None:
        if member.registered is not None:
            try:
                self.registry.set_mode(member.registered.info.boot, mode)
            except NotFound:
                self.tell(f"{member.name} has left the registry by itself")

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

    def _await(self, before: Member) -> Member:
        until = self.clock() + self.order.ready_s
        while True:
            fleet = self.look()
            now = _named(fleet, before.name)
            found = Return() if fleet.docker else returned(before, now)
            if found.back and now is not None:
                return now
            if found.failed or self.clock() > until:
                state = fleet.docker.message if fleet.docker else f"it is {now.state}" if now else "it is gone"
                why = found.failed or f"{state} after {span.said(self.order.ready_s)}"
                raise self._not_back(before, why)
            self.sleep(LOOK_S)

    def _not_back(self, member: Member, why: str) -> NotBack:
        self._note(member.name, {}, {"failed": why})
        assert member.container is not None
        lines: tuple[str, ...] = ()
        try:
            lines = tuple(line.text for line in self.control.engine.logs(member.container, tail=LAST_WORDS))
        except DockerUnavailable as failure:
            self.tell(failure.message)
        text = f"{member.name} does not come back: {why}; the workers behind it were left as they are"
        hint = f"lomi workers logs {member.name}; once that is mended: lomi workers restart"
        return NotBack(text, lines=lines, hint=hint)

    def _note(self, name: str, before: dict[str, object], after: dict[str, object]) -> None:
        self.journal.note(self.order.by, Action.RESTART, worker_subject(name), self.wall(), self.order.reason,
                          before=before, after=after)  # fmt: skip


def _named(fleet: Fleet, name: str) -> Member | None:
    return next((each for each in fleet.members if each.name == name), None)
