"""Another number of workers in containers of one engine. It may be interrupted anywhere, and repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from lomi_ops.domain import span
from lomi_ops.domain.audit import Action, service_subject
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.scale import Deed, Plan, Step
from lomi_ops.domain.standing import Stand, Standing, stand
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import ContainerError, DockerUnavailable, LomiError, NotFound, RedisUnavailable
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.ops.scale.order import Handles, Left, Order, Outcome, Trouble

LOOK_S = 0.5
"""Between two looks while something is waited for."""
GRACE_S = 10.0
"""More than a worker's own grace: it gives its job back in between."""
LAST_WORDS = 20
"""Lines of a worker that does not start."""
_DEAF = (MemberState.SILENT, MemberState.RESTARTING, MemberState.FAILING, MemberState.STARTING)
"""It does not hear that it shall be quiet, or has nothing to finish."""


class ContainerRun:
    """One scaling. `outcome` tells at any moment what was done."""

    def __init__(self, at: Handles, order: Order, plan: Plan, held: Held) -> None:
        self._at, self._order, self._plan, self._held = at, order, plan, held
        self._made: dict[str, str] = {}
        """Containers that this run made or started, by name; their ids."""
        self.outcome = Outcome(plan.service, plan.now, order.target, waited=order.wait, notes=list(plan.notes))

    def run(self) -> Outcome:
        """Raises ContainerError where a container cannot be made or started: what was made is taken away again."""
        began = self._at.clock()
        if self._plan.steps:
            self._note({"workers": self._plan.now}, {"wanted": self._order.target})
        with self._noted_at_the_end(began):
            self._resume(self._plan.of(Deed.RESUME))
            self._grow()
            self._shrink()
            self._count()
        return self.outcome

    @contextmanager
    def _noted_at_the_end(self, began: float) -> Iterator[None]:
        try:
            yield
        finally:
            self.outcome.took_s = self._at.clock() - began
            if self._plan.steps:
                done = self.outcome
                gone = [each.name for each in done.left]
                after = {
                    "running": done.running,
                    "ready": done.ready,
                    "made": [*done.created, *done.started],
                    "gone": gone,
                }
                self._note({}, after)

    def _note(self, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        subject = service_subject(self._plan.service)
        reason = self._order.reason
        self._at.journal.note(
            self._order.by, Action.SCALE, subject, self._at.wall(), reason, before=before, after=after
        )

    # --- more ---------------------------------------------------------------------------------------------------------

    def _resume(self, steps: Iterable[Step]) -> None:
        for each in steps:
            self._held.require()
            if each.member is not None and self._set(each.member, WorkerMode.RUNNING):
                self.outcome.resumed.append(each.name)
                self._at.tell(f"{each.name} takes jobs again")

    def _grow(self) -> None:
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
            self.outcome.ready_s = self._at.clock() - began

    def _start(self, step: Step) -> None:
        assert step.container is not None
        self._held.require()
        self._made[step.name] = step.container.id
        self._at.control.start(step.container.id)
        self.outcome.started.append(step.name)
        self._at.tell(f"{step.name} is started")

    def _create(self) -> None:
        assert self._plan.model is not None
        self._held.require()
        made = self._at.control.clone(self._plan.model.id)
        self._made[made.name] = made.id
        self.outcome.created.append(made.name)
        self.outcome.notes += [note for note in made.notes if note not in self.outcome.notes]
        self._at.control.start(made.id)
        self._at.tell(f"{made.name} is started")

    def _await_ready(self) -> None:
        """Until each that was started is ready or will not be. Those that do not start are taken away again."""
        until, told = self._at.clock() + self._order.patience_s, set[str]()
        while True:
            stands = self._stands()
            for name, found in stands.items():
                if found.standing is Standing.READY and name not in told:
                    told.add(name)
                    self._at.tell(f"{name} is ready")
            if all(found.settled for found in stands.values()) or self._at.clock() > until:
                break
            self._at.sleep(LOOK_S)
        self._sort(stands)

    def _stands(self) -> dict[str, Stand]:
        """Of those that this run has started, and of others that load at the moment."""
        members = self._members()
        loading = [name for name, each in members.items() if each.state is MemberState.STARTING]
        names = dict.fromkeys([*self._made, *loading])
        return {name: stand(members.get(name), fresh=name in self._made) for name in names}

    def _members(self) -> dict[str, Member]:
        """By the names of their containers. An outage is weather, for a while."""
        until = self._at.clock() + self._order.patience_s
        while (fleet := self._at.look()).failures:
            if self._at.clock() > until:
                raise fleet.failures[0]
            self._held.require()
            self._at.sleep(LOOK_S)
        return {each.name: each for each in fleet.members if each.container is not None}

    def _sort(self, stands: Mapping[str, Stand]) -> None:
        failed = {name: found for name, found in stands.items() if found.standing is Standing.FAILED}
        self.outcome.failed += [Trouble(name, found.why, self._last_words(name)) for name, found in failed.items()]
        self._take_away({name: self._made[name] for name in failed if name in self._made})
        for name, found in stands.items():
            if found.standing is Standing.COMING:
                self.outcome.late.append(Trouble(name, found.why))
            elif found.standing is Standing.UNKNOWN:
                self.outcome.unknown.append(Trouble(name, found.why))

    def _last_words(self, name: str) -> tuple[str, ...]:
        member = self._members().get(name)
        if member is None or member.container is None:
            return ()
        try:
            return tuple(line.text for line in self._at.control.engine.logs(member.container, tail=LAST_WORDS))
        except DockerUnavailable as failure:
            return (failure.message,)

    def _take_away(self, made: Mapping[str, str]) -> None:
        """What was made goes, what was only started stops; unless somebody wants to look at it."""
        if self._order.keep:
            return
        for name, container in list(made.items()):
            with suppress(ContainerError):
                if name in self.outcome.created:
                    self._at.control.remove(container, force=True)
                    self._at.tell(f"{name} is taken away again")
                else:
                    self._at.control.stop(container, self._order.grace_s + GRACE_S)

    # --- fewer --------------------------------------------------------------------------------------------------------

    def _shrink(self) -> None:
        for each in self._plan.of(Deed.REMOVE):
            assert each.container is not None
            self._held.require()
            self._at.control.remove(each.container.id)
            self.outcome.left.append(Left(each.name))
            self._at.tell(f"{each.name} had stopped, and is removed")
        going = [each for each in self._plan.steps if each.shuts_down]
        hearing = {each.name: each for each in going if _hears(each)}
        for each in going:
            if each.name not in hearing:
                self._leave(each)
        if hearing:
            self._drain(hearing)

    def _drain(self, pending: dict[str, Step]) -> None:
        """All of them are quiet; each leaves when it holds nothing. Whatever interrupts lets the rest go on."""
        try:
            for each in pending.values():
                self._held.require()
                assert each.member is not None
                self._set(each.member, WorkerMode.QUIET)
            self._await_empty(pending)
        finally:
            self._let_go_on(pending)

    def _await_empty(self, pending: dict[str, Step]) -> None:
        until, told = self._at.clock() + self._order.patience_s, set[str]()
        while pending and self._at.clock() <= until:
            held = self._jobs_in_hand()
            for name, step in list(pending.items()):
                jobs = held.get(_boot(step), ())
                if not jobs:
                    self._leave(step)
                    del pending[name]
                elif name not in told:
                    told.add(name)
                    self._at.tell(f"{name} finishes {', '.join(jobs)}")
            if pending:
                self._at.sleep(LOOK_S)
        limit = span.said(self._order.patience_s)
        self.outcome.late += [Trouble(name, f"it has not finished its job in {limit}, and stays") for name in pending]

    def _jobs_in_hand(self) -> dict[str, tuple[str, ...]]:
        """By boot; one that is not registered any more holds nothing."""
        while True:
            try:
                return {each.info.boot: each.jobs for each in self._at.registry.list()}
            except RedisUnavailable:
                self._held.require()  # Without Redis the lease is lost soon.
                self._at.sleep(LOOK_S)

    def _leave(self, step: Step) -> None:
        assert step.container is not None
        self._held.require()
        code = self._at.control.stop(step.container.id, self._order.grace_s + GRACE_S)
        if step.deed is Deed.DRAIN and code == 0:
            self._at.control.remove(step.container.id)
        self.outcome.left.append(Left(step.name, code))
        kept = f" with exit code {code}; its container stays: docker logs {step.name}" if code else ""
        self._at.tell(f"{step.name} has left{kept}")

    def _let_go_on(self, pending: Mapping[str, Step]) -> None:
        """Those that were made quiet and did not leave, unless they were quiet before."""
        for name, step in pending.items():
            assert step.member is not None
            if step.member.state is MemberState.QUIET:
                continue
            try:
                self._set(step.member, WorkerMode.RUNNING)
                self._at.tell(f"{name} takes jobs again")
            except LomiError as failure:
                self._at.tell(f"{name} stays quiet: {failure.message}; lomi workers resume {name}")

    def _set(self, member: Member, mode: WorkerMode) -> bool:
        if member.registered is None:
            return False
        try:
            self._at.registry.set_mode(member.registered.info.boot, mode)
        except NotFound:
            return False  # It has left by itself.
        return True

    # --- the end ------------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        members = [each for each in self._members().values() if each.state is not MemberState.STOPPED]
        stands = {each.name: stand(each, fresh=False) for each in members}
        self.outcome.running = len(members)
        self.outcome.ready = sum(found.standing is Standing.READY for found in stands.values())
        if not self._order.wait:
            return
        known = {each.name for each in (*self.outcome.failed, *self.outcome.late, *self.outcome.unknown)}
        for name, found in stands.items():
            if name not in known and found.standing is not Standing.READY:
                kinds: dict[Standing, Callable[[Trouble], None]] = {Standing.UNKNOWN: self.outcome.unknown.append}
                kinds.get(found.standing, self.outcome.failed.append)(Trouble(name, found.why))


def _hears(step: Step) -> bool:
    return step.member is not None and step.member.registered is not None and step.member.state not in _DEAF


def _boot(step: Step) -> str:
    return step.member.registered.info.boot if step.member and step.member.registered else ""
