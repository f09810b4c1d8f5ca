"""Another number of workers in containers of one engine. It may be interrupted anywhere, and repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lomi_ops.domain.audit import Action, service_subject
from lomi_ops.domain.fleet import MemberState
from lomi_ops.domain.scale import Plan
from lomi_ops.domain.standing import Standing, stand
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.scale.growing import Growing
from lomi_ops.ops.scale.order import Handles, Order, Outcome, Trouble
from lomi_ops.ops.scale.shrinking import Shrinking
from lomi_ops.ops.scale.workers import Workers


class ContainerRun:
    """One scaling. `outcome` tells at any moment what was done."""

    def __init__(self, at: Handles, order: Order, plan: Plan, held: Held) -> None:
        self._at, self._order, self._plan = at, order, plan
        self._workers = Workers(at, order, held)
        self.outcome = Outcome(plan.service, plan.now, order.target, waited=order.wait, notes=list(plan.notes))

    def run(self) -> Outcome:
        """Raises ContainerError where a container cannot be made or started: what was made is taken away again."""
        with self._noted():
            Growing(self._workers, self._plan, self.outcome).run()
            Shrinking(self._workers, self._plan, self.outcome).run()
            self._count()
        return self.outcome

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Who wanted what is written down before the first step, and what came of it whatever happens."""
        began = self._at.clock()
        self._note({"workers": self._plan.now}, {"wanted": self._order.target})
        try:
            yield
        finally:
            done = self.outcome
            done.took_s = self._at.clock() - began
            made, gone = [*done.created, *done.started], [each.name for each in done.left]
            self._note({}, {"running": done.running, "ready": done.ready, "made": made, "gone": gone})

    def _note(self, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        if self._plan.steps:
            subject, reason = service_subject(self._plan.service), self._order.reason
            by, at = self._order.by, self._at.wall()
            self._at.journal.note(by, Action.SCALE, subject, at, reason, before=before, after=after)

    def _count(self) -> None:
        """How many there are, and which of them does not work: also of those that nobody has touched."""
        members = [each for each in self._workers.now().values() if each.state is not MemberState.STOPPED]
        stands = {each.name: stand(each, fresh=False) for each in members}
        done = self.outcome
        done.running = len(members)
        done.ready = sum(found.standing is Standing.READY for found in stands.values())
        if not self._order.wait:
            return
        known = {each.name for each in (*done.failed, *done.late, *done.unknown)}
        for name, found in stands.items():
            if name not in known and found.standing is not Standing.READY:
                where = done.unknown if found.standing is Standing.UNKNOWN else done.failed
                where.append(Trouble(name, found.why))
