"""Scaling as a whole: look, refuse or propose, act under the lease on the fleet, and make the number last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lomi_ops.domain.container import Cluster, SwarmService
from lomi_ops.domain.scale import Plan
from lomi_ops.errors import DockerUnavailable
from lomi_ops.ops.fleet_lock import held
from lomi_ops.ops.scale import prepare, swarm
from lomi_ops.ops.scale.lasting import How, Lasting, lasting
from lomi_ops.ops.scale.order import Handles, Order, Outcome
from lomi_ops.ops.scale.run import ContainerRun
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.queue.fleet import Claimant, FleetLease


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be done."""

    service: str
    target: int
    plan: Plan | None = None
    """For containers of one engine."""
    swarm: SwarmService | None = None
    lasting: Lasting | None = None
    """None for a Swarm."""

    @property
    def now(self) -> int:
        if self.swarm is not None:
            return self.swarm.desired
        return self.plan.now if self.plan else 0

    @property
    def notes(self) -> tuple[str, ...]:
        return self.plan.notes if self.plan else ()

    @property
    def changes(self) -> bool:
        return bool(self.plan.steps) if self.plan else self.now != self.target


@dataclass(frozen=True, slots=True)
class Scaled:
    """What was done, and whether it lasts."""

    outcome: Outcome
    lasting: Lasting | None = None
    """None for a Swarm, and where there are not so many workers as were wanted."""


def propose(at: Handles, service: str, order: Order, environ: Mapping[str, str]) -> Proposal:
    """Changes nothing. Raises whatever stands in the way: UsageError, NotFound, Refused, DockerUnavailable."""
    prepare.check_number(order.target)
    fleet = at.look()
    cluster = _cluster(at, fleet)
    prepare.require_service(at.control.engine, cluster, service)
    if (found := cluster.swarm_service(service)) is not None:
        swarm.check(found, fleet, order)
        return Proposal(service, order.target, swarm=found)
    plan = prepare.planned(fleet, service, order.target, resume=order.resume)
    notes = list(plan.notes)
    if plan.model is not None:
        notes += at.control.foresee(plan.model.id)
    if not order.force:
        prepare.check_losses(plan)
        notes += _memory_notes(at, plan)
    keep = lasting(cluster.project, cluster.compose, service, order.target, environ)
    return Proposal(service, order.target, replace(plan, notes=tuple(notes)), lasting=keep)


def _cluster(at: Handles, fleet: Fleet) -> Cluster:
    for failure in fleet.failures:
        raise failure
    if fleet.cluster is None:
        at.control.engine.version()  # Says why there is none.
        raise DockerUnavailable(
            "the workers run in no containers of an engine", hint="docker.host, docker.workers_service"
        )
    return fleet.cluster


def _memory_notes(at: Handles, plan: Plan) -> list[str]:
    needed = prepare.demand(plan)
    word = prepare.check_memory(prepare.memory(at.control.engine), needed, plan.now) if needed.claims else ""
    return [word] if word else []


def scale(
    at: Handles, lease: FleetLease, claimant: Claimant, service: str, order: Order, environ: Mapping[str, str]
) -> Scaled:
    """Until there are so many. Raises LockHeld where somebody else changes the workers, RedisUnavailable where nobody
    knows that, and what `propose` raises."""
    prepare.check_number(order.target)
    with held(lease, claimant) as ours:
        proposal = propose(at, service, order, environ)
        if proposal.swarm is not None:
            return Scaled(swarm.SwarmRun(at, order, proposal.swarm, ours).run())
        assert proposal.plan is not None
        outcome = ContainerRun(at, order, proposal.plan, ours).run()
        return Scaled(outcome, _kept(at, proposal.lasting) if outcome.running == order.target else None)


def _kept(at: Handles, found: Lasting | None) -> Lasting | None:
    """As it is now."""
    if found is None or found.how is not How.WRITES:
        return found
    try:
        found.apply()
    except OSError as failure:
        return replace(found, how=How.COMMAND, why=f"{found.file} cannot be written: {failure.strerror}")
    at.tell(f"{found.variable}={found.count} is in {found.file} now")
    return found
