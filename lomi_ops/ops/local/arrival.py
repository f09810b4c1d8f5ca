"""Waiting until a stack is up, or until it is clear that it will not be."""

from __future__ import annotations

import time
from collections.abc import Callable

from lomi_ops.errors import StackError
from lomi_ops.ops.local import process, record, state
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.record import SUPERVISOR, WORKER, PartRecord, PartState, StackRecord
from lomi_ops.ops.local.status import StackStatus, describe

PATIENCE_S = 6.0
"""Failures of services before that may pass: what a killed server has left takes a moment to go."""


def arrived(layout: Layout, deadline: float, say: Callable[[str], None], *, reloads: int = 0) -> StackStatus | None:
    """Waits until every part runs or has failed; None when the supervisor has gone.

    A supervisor that was found running has to have read the state `reloads` times, and being gone is known at once;
    a fresh one (0) gets a moment to appear. Raises StackError for a service that fails or takes too long.
    """
    said, began = "", time.monotonic()
    while True:
        wanted, current = state.load(layout), record.read(layout)
        waited_s = time.monotonic() - began
        if not process.alive(current.supervisor):
            if reloads or waited_s > PATIENCE_S:
                return None
        elif current.reloads >= reloads:
            if waited_s > PATIENCE_S:
                _raise_failures(layout, current)
            if _settled(current, wanted.workers):
                return describe(layout, wanted, current, time.time())
        if (waiting := _waiting_for(current)) != said:
            said = waiting
            say(waiting)
        if time.monotonic() > deadline:
            raise StackError(f"the stack is not up in time: {waiting}", hint=f"see the logs in {layout.logs}")
        time.sleep(0.05)


def _settled(current: StackRecord, workers: int) -> bool:
    """True when the services run and the wanted workers have started or failed."""
    staying = [part for part in current.parts if part.state is not PartState.STOPPING]
    counted = [part for part in staying if part.name.startswith(WORKER)]
    return (
        current.workers == workers == len(counted)
        and all(_runs(part) for part in staying if part not in counted)
        and all(_runs(part) or part.state is PartState.FAILED for part in counted)
    )


def _runs(part: PartRecord) -> bool:
    return part.state is PartState.RUNNING and process.alive(part.process)


def _raise_failures(layout: Layout, current: StackRecord) -> None:
    if current.error:
        raise StackError(current.error, hint=f"see {layout.log(SUPERVISOR)}")
    for part in current.parts:
        if part.state is PartState.FAILED and not part.name.startswith(WORKER):
            raise StackError(f"{part.name} does not start: {part.error}", hint=f"see {layout.log(part.name)}")


def _waiting_for(current: StackRecord) -> str:
    names = [part.name for part in current.parts if part.state in (PartState.STARTING, PartState.RESTARTING)]
    return f"waiting for {', '.join(names)}" if names else "waiting for the supervisor"
