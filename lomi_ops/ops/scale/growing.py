"""More workers: started, made, and waited for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.scale import Deed, Plan, Step
from lomi_ops.domain.standing import Stand, Standing, stand
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import ContainerError
from lomi_ops.ops.scale.order import Outcome, Trouble
from lomi_ops.ops.scale.workers import Workers
from lomi_ops.ops.workers.arriving import Arrivals, last_words


class Growing:
    """The part of a plan that adds workers."""

    def __init__(self, workers: Workers, plan: Plan, outcome: Outcome) -> None:
        self._workers, self._plan, self._outcome = workers, plan, outcome
        self._at, self._order = workers.at, workers.order
        self._arrivals = Arrivals(self._at.control)
        self._made: dict[str, str] = {}
        """Containers that were made or started here, by name; their ids."""

    def run(self) -> None:
        """Raises ContainerError where a container cannot be made or started; then what was made is taken away again."""
        for each in self._plan.of(Deed.RESUME):
            self._resume(each)
        began = self._at.clock()
        try:
            for each in self._plan.of(Deed.START):
                self._start(each)
            for _ in self._plan.of(Deed.CREATE):
                self._create()
        except ContainerError:
            self._take_away(self._made)
            raise
        if self._order.wait:
            self._await_ready()
            self._outcome.ready_s = self._at.clock() - began

    def _resume(self, step: Step) -> None:
        self._workers.held.require()
        if step.member is not None and self._workers.tell(step.member, WorkerMode.RUNNING):
            self._outcome.resumed.append(step.name)
            self._at.tell(f"{step.name} takes jobs again")

    def _start(self, step: Step) -> None:
        assert step.container is not None
        self._workers.held.require()
        self._made[step.name] = step.container.id
        self._at.control.start(step.container.id)
        self._outcome.started.append(step.name)
        self._at.tell(f"{step.name} is started")

    def _create(self) -> None:
        assert self._plan.model is not None
        self._workers.held.require()
        made = self._at.control.clone(self._plan.model.id)
        self._made[made.name] = made.id
        self._outcome.created.append(made.name)
        self._outcome.notes += [note for note in made.notes if note not in self._outcome.notes]
        self._at.control.start(made.id)
        self._at.tell(f"{made.name} is started")

    # --- the wait -----------------------------------------------------------------------------------------------------

    def _await_ready(self) -> None:
        """Until each that was started is ready or will not be."""
        until, told = self._at.clock() + self._order.patience_s, set[str]()
        while True:
            over = self._at.clock() > until  # The last look comes after the end.
            stands = self._stands()
            for name, found in stands.items():
                if found.standing is Standing.READY and name not in told:
                    told.add(name)
                    self._at.tell(f"{name} is ready")
            if all(found.settled for found in stands.values()) or over:
                break
            self._workers.pause()
        self._sort(stands)

    def _stands(self) -> dict[str, Stand]:
        """Of those that were started here, and of others that load at the moment."""
        members = self._workers.now()
        loading = [name for name, each in members.items() if each.state is MemberState.STARTING]
        names = dict.fromkeys([*self._made, *loading])
        return {name: self._stand(name, members.get(name)) for name in names}

    def _stand(self, name: str, member: Member | None) -> Stand:
        return self._arrivals.stand(member) if name in self._made else stand(member, fresh=False)

    def _sort(self, stands: Mapping[str, Stand]) -> None:
        """Those that do not start are shown and taken away again; those that take their time may go on."""
        failed = {name: found for name, found in stands.items() if found.standing is Standing.FAILED}
        self._outcome.failed += [Trouble(name, found.why, self._words(name)) for name, found in failed.items()]
        self._take_away({name: self._made[name] for name in failed if name in self._made})
        for name, found in stands.items():
            if found.standing is Standing.COMING:
                self._outcome.late.append(Trouble(name, found.why))
            elif found.standing is Standing.UNKNOWN:
                self._outcome.unknown.append(Trouble(name, found.why))

    def _words(self, name: str) -> tuple[str, ...]:
        member = self._workers.now().get(name)
        return last_words(self._at.control, member.container if member else None)

    def _take_away(self, made: Mapping[str, str]) -> None:
        """What was made here goes, what was only started stops; unless somebody wants to look at it. One that was
        started again meanwhile may have a job, so it gets the time to finish."""
        if self._order.keep:
            return
        for name, container in made.items():
            with suppress(ContainerError):
                self._workers.stop(container)
                if name in self._outcome.created:
                    self._at.control.remove(container)
                    self._at.tell(f"{name} is taken away again")
