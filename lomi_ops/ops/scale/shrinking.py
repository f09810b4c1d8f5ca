"""Fewer workers: each finishes its job before it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lomi_ops.clients.threads import all_at_once
from lomi_ops.domain import span
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.scale import Deed, Plan, Step
from lomi_ops.ops.scale.order import Left, Outcome, Trouble
from lomi_ops.ops.scale.workers import Workers


class Shrinking:
    """The part of a plan that takes workers away."""

    def __init__(self, workers: Workers, plan: Plan, outcome: Outcome) -> None:
        self._workers, self._plan, self._outcome = workers, plan, outcome
        self._at, self._order = workers.at, workers.order

    def run(self) -> None:
        """Raises Conflict where the lease is lost, and what the engine says."""
        for each in self._plan.of(Deed.REMOVE):
            self._remove(each)
        going = {each.name: each for each in self._plan.steps if each.shuts_down}
        hearing = [each.member for each in going.values() if each.member is not None and each.member.hears]
        deaf = going.keys() - {each.name for each in hearing}
        self._leave([each for name, each in going.items() if name in deaf])
        if hearing:
            self._drain(going, hearing)

    def _remove(self, step: Step) -> None:
        assert step.container is not None
        self._workers.held.require()
        self._at.control.remove(step.container.id)
        self._outcome.left.append(Left(step.name))
        self._at.tell(f"{step.name} had stopped, and is removed")

    def _drain(self, going: Mapping[str, Step], hearing: Sequence[Member]) -> None:
        """Each leaves when it holds nothing."""
        limit = self._order.patience_s
        with self._workers.draining(hearing) as draining:
            for names in draining.emptied(limit):
                self._leave([going[name] for name in names])
            why = f"it has not finished its job in {span.said(limit)}, and stays"
            self._outcome.late += [Trouble(name, why) for name in draining.late]

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
