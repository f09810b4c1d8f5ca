"""Autoscaling as a service: look after look until it is told to stop. Outages of Redis and Docker are waited out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lomi_ops.errors import LockHeld, Transient
from lomi_ops.ops.autoscale.run import Autoscaler, Look
from lomi_ops.ops.fleet_lock import held
from lomi_ops.queue.fleet import Claimant, FleetLease


@dataclass(frozen=True, slots=True)
class Service:
    """`stop` ends it between two looks: a step that has begun is made and written down first."""

    autoscaler: Autoscaler
    lease: FleetLease
    claimant: Claimant
    every_s: float
    stop: threading.Event
    tell: Callable[[Look], None] = lambda look: None
    trouble: Callable[[Transient], None] = lambda outage: None

    def run(self) -> None:
        """Raises LockHeld where another one runs, at the start or because it took over while we stood still."""
        while not self.stop.is_set():
            try:
                self._under_lease()
            except Transient as outage:
                self.trouble(outage)
                self.stop.wait(self.every_s)

    def _under_lease(self) -> None:
        """Until told to stop, or until the lease is lost: then it is taken anew, unless somebody else has it."""
        with held(self.lease, self.claimant) as ours:
            while not self.stop.is_set():
                try:
                    self.tell(self.autoscaler.once(ours.token))
                except LockHeld:
                    return
                except Transient as outage:
                    self.trouble(outage)
                self.stop.wait(self.every_s)
