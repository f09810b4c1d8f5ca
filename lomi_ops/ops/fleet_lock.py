"""One change of the workers at a time, on all machines: scale, restart, autoscale and deploy hold it while they act.

It is a lease in Redis: a holder that dies gives it back by not renewing. A holder that loses it, because Redis or its
own machine stood still for too long, must not change anything any more: `Held.require` says so before every step.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lomi_ops.domain import span
from lomi_ops.errors import Conflict, LockHeld, RedisUnavailable
from lomi_ops.queue.fleet import Claimant, FleetLease, Tenure

LEASE_S = 30.0
RENEW_S = 8.0
MARGIN_S = 3.0
"""A holder gives up so long before the server would hand the lease to somebody else."""


class Held:
    """The fleet is ours. A thread renews the lease; every step asks first."""

    def __init__(self, lease: FleetLease, token: str, asked_at: float, clock: Callable[[], float]) -> None:
        self._lease = lease
        self.token = token
        self._clock = clock
        self._ours_until = asked_at + LEASE_S - MARGIN_S
        self._lost = False

    def require(self) -> None:
        """Before every change. Raises Conflict where the lease is lost."""
        if self._lost or self._clock() > self._ours_until:
            text = "the lease on the fleet is lost: Redis or this machine stood still too long; nothing more is changed"
            raise Conflict(text, hint="run the command again: it goes on from what is there")

    def renew(self) -> None:
        """One turn of the thread. An outage is survived as long as the lease lasts."""
        asked_at = self._clock()
        with suppress(RedisUnavailable):
            if self._lease.keep(self.token, LEASE_S):
                self._ours_until = asked_at + LEASE_S - MARGIN_S
            else:
                self._lost = True


@contextmanager
def held(lease: FleetLease, claimant: Claimant, clock: Callable[[], float] = time.monotonic) -> Iterator[Held]:
    """Takes the fleet, and gives it back whatever happens. Raises LockHeld, which names the holder, and
    RedisUnavailable: without Redis nobody knows who else is at work.

    `lease` needs a connection that nobody else waits on: its thread must not be kept waiting.
    """
    token, asked_at = str(uuid.uuid4()), clock()
    if (other := lease.take(token, claimant, LEASE_S)) is not None:
        raise in_the_way(other)
    ours, over = Held(lease, token, asked_at, clock), threading.Event()
    thread = threading.Thread(target=_keep_renewing, args=(ours, over), name="fleet lease", daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        over.set()
        with suppress(RedisUnavailable):
            lease.leave(token)


def _keep_renewing(ours: Held, over: threading.Event) -> None:
    while not over.wait(RENEW_S):
        ours.renew()


def in_the_way(other: Tenure) -> LockHeld:
    """Who is at work, on what, and since when."""
    who = other.claimant
    text = f"{who.by} changes the workers: {who.what}, on {who.host}, for {span.said(other.held_s)}"
    hint = f"wait and repeat; if that command is dead, the fleet is free in {span.said(other.left_s)}"
    return LockHeld(text, hint=hint)
