"""Fewer workers: each finishes its job before it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lomi_ops.clients.threads import all_at_once
from lomi_ops.domain import span
from lomi_ops.domain.fleet import MemberState
from lomi_ops.domain.scale import Deed, Plan, Step
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import LomiError, RedisUnavailable
from lomi_ops.ops.scale.order import Left, Outcome, Trouble
from lomi_ops.ops.scale.workers import Workers

_DEAF = (MemberState.SILENT, MemberState.RESTARTING, MemberState.FAILING, MemberState.STARTING)
"""It does not hear that it shall be quiet, or has nothing to finish."""


class Shrinking:
    """The part of a plan that takes workers away."""

    def __init__(self, workers: Workers, plan: Plan, outcome: Outcome) -> None:
        self._workers, self._plan, self._outcome = workers, plan, outcome
        self._at, self._order = workers.at, workers.order

    def run(self) -> None:
        """Raises Conflict where the lease is lost, and what the engine says."""
        for each in self._plan.of(Deed.REMOVE):
            self._remove(each)
        going = [each for each in self._plan.steps if each.shuts_down]
        hearing = {each.name: each for each in going if _hears(each)}
        self._leave([each for each in going if each.name not in hearing])
        if hearing:
            self._drain(hearing)

    def _remove(self, step: Step) -> None:
        assert step.container is not None
        self._workers.held.require()
        self._at.control.remove(step.container.id)
        self._outcome.left.append(Left(step.name))
        self._at.tell(f"{step.name} had stopped, and is removed")

    def _drain(self, pending: dict[str, Step]) -> None:
        """All of them are quiet; each leaves when it holds nothing. Whatever interrupts lets the rest go on."""
        try:
            for each in pending.values():
                assert each.member is not None
                self._workers.held.require()
                self._workers.tell(each.member, WorkerMode.QUIET)
            self._await_empty(pending)
        finally:
            self._let_go_on(pending)

    def _await_empty(self, pending: dict[str, Step]) -> None:
        """Takes those out of `pending` that have left."""
        until, told = self._at.clock() + self._order.patience_s, set[str]()
        while pending and self._at.clock() <= until:
            held = self._jobs_in_hand()
            jobs = {name: held.get(_boot(step), ()) for name, step in pending.items()}
            self._leave([pending[name] for name, those in jobs.items() if not those])
            for name, those in jobs.items():
                if not those:
                    del pending[name]
                elif name not in told:
                    told.add(name)
                    self._at.tell(f"{name} finishes {', '.join(those)}")
            if pending:
                self._workers.pause()
        limit = span.said(self._order.patience_s)
        self._outcome.late += [Trouble(name, f"it has not finished its job in {limit}, and stays") for name in pending]

    def _jobs_in_hand(self) -> dict[str, tuple[str, ...]]:
        """By boot; one that is not registered any more holds nothing."""
        while True:
            try:
                return {each.info.boot: each.jobs for each in self._at.registry.list()}
            except RedisUnavailable:
                self._workers.held.require()  # Without Redis the lease is lost soon.
                self._workers.pause()

    def _leave(self, steps: Sequence[Step]) -> None:
        """All at once: each takes a moment to end."""
        if steps:
            self._workers.held.require()
        for step, code in zip(steps, all_at_once(self._stopped, steps), strict=True):
            self._outcome.left.append(Left(step.name, code))
            kept = f" with exit code {code}; its container stays: docker logs {step.name}" if code else ""
            self._at.tell(f"{step.name} has left{kept}")

    def _stopped(self, step: Step) -> int:
        """Its exit code; with another one than 0 its container stays."""
        assert step.container is not None
        code = self._workers.stop(step.container.id)
        if step.deed is Deed.DRAIN and code == 0:
            self._at.control.remove(step.container.id)
        return code

    def _let_go_on(self, pending: Mapping[str, Step]) -> None:
        """Those that were made quiet and did not leave, unless they were quiet before."""
        for name, step in pending.items():
            if step.member is None or step.member.state is MemberState.QUIET:
                continue
            try:
                if self._workers.tell(step.member, WorkerMode.RUNNING):
                    self._at.tell(f"{name} takes jobs again")
            except LomiError as failure:
                self._at.tell(f"{name} stays quiet: {failure.message}; lomi workers resume {name}")


def _hears(step: Step) -> bool:
    return step.member is not None and step.member.registered is not None and step.member.state not in _DEAF


def _boot(step: Step) -> str:
    return step.member.registered.info.boot if step.member and step.member.registered else ""
