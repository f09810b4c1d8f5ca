"""A step as scaling makes it: under the lease on the fleet, with all its guards, but without waiting for models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lomi_ops.ops.autoscale.run import Result
from lomi_ops.ops.scale import scaling
from lomi_ops.ops.scale.lasting import How
from lomi_ops.ops.scale.order import Handles, Order
from lomi_ops.ops.scale.scaling import Scaled
from lomi_ops.queue.fleet import Claimant, FleetLease


@dataclass(frozen=True, slots=True)
class ByScaling:
    """The workers of one service."""

    at: Handles
    lease: FleetLease
    host: str
    service: str
    by: str
    grace_s: float
    environ: Mapping[str, str]

    def to(self, workers: int, why: str) -> Result:
        """Whoever somebody has told to be quiet stays so. Raises what scaling raises."""
        order = Order(workers, self.by, self.grace_s, why, wait=False, resume=False)
        claimant = Claimant(self.by, f"a step of lomi autoscale to {workers}", self.host)
        done = scaling.scale(self.at, self.lease, claimant, self.service, order, self.environ)
        running = done.outcome.running if done.lasting is not None or done.outcome.late else workers
        if done.lasting is not None and done.lasting.how is How.COMMAND:
            self.at.tell(f"a plain docker-compose up -d would undo that; this keeps it: {done.lasting.command}")
        return Result(running, "; ".join(_words(done)))


def _words(done: Scaled) -> list[str]:
    found = [f"{each.name}: {each.why}" for each in (*done.outcome.failed, *done.outcome.late)]
    return found + [f"{each.name} left with exit code {each.exit_code}" for each in done.outcome.unclean]
