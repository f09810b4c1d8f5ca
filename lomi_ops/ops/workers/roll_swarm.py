"""A rolling restart of a Swarm service: the Swarm does it, as the service says; we wait, and tell how it went."""

from __future__ import annotations

import time
from collections.abc import Callable

from lomi_ops.clients.containers import Control
from lomi_ops.domain.container import SwarmService
from lomi_ops.errors import DockerUnavailable
from lomi_ops.ops.workers.draining import LOOK_S
from lomi_ops.ops.workers.restart import NotBack

DONE = "completed"
STOPPED = ("paused", "rollback_started", "rollback_paused", "rollback_completed")


def roll(
    control: Control, service: SwarmService, ready_s: float, tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
) -> int:  # fmt: skip
    """How many tasks run afterwards; one may take `ready_s`. Raises NotBack where the Swarm stops or takes it back."""
    control.roll_service(service.full_name)
    until, told = clock() + ready_s * max(1, service.desired), -1
    while True:
        now = _look(control, service.name)
        anew = now is not None and now.update_began != service.update_began
        if now is not None and anew and now.update in STOPPED:
            raise _not_back(service, f"the Swarm stopped: {now.update_said or now.update}")
        if now is not None and anew and now.update == DONE:
            return now.running
        if now is not None and now.running != told:
            told = now.running
            tell(f"{now.running} of {now.desired} tasks run")
        if clock() > until:
            raise _not_back(service, "the Swarm is not through in time, and goes on")
        sleep(LOOK_S)


def _look(control: Control, name: str) -> SwarmService | None:
    try:
        return control.engine.cluster().swarm_service(name)
    except DockerUnavailable:
        return None


def _not_back(service: SwarmService, why: str) -> NotBack:
    hint = f"docker service ps --no-trunc {service.full_name}; back: docker service rollback {service.full_name}"
    return NotBack(f"{service.full_name}: {why}", hint=hint)
