"""`lomi workers restart`: one after another, and none with a job in its hand."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.cli.workers_tell import DryRun, Why
from lomi_ops.errors import Refused, UsageError

if TYPE_CHECKING:
    from lomi_ops.domain.container import SwarmService
    from lomi_ops.domain.restart import Plan
    from lomi_ops.ops.fleet_lock import Held
    from lomi_ops.ops.workers.look import Fleet
    from lomi_ops.ops.workers.restart import Order, Restarted
    from lomi_ops.runtime import Runtime

READY_S = 180.0
"""A worker may take so long to load its model."""
SCHEMA = "lomi.workers.restart/v1"

Names = Annotated[list[str] | None, typer.Argument(help="Which ones; all without.", metavar="WORKER...")]
Force = Annotated[bool, typer.Option("--force", help="Old workers, too: the job in their hand is lost.")]
Drain = Annotated[
    str | None, typer.Option("--drain-timeout", help="For the job in hand; else worker.grace_s.", metavar="TIME")
]
Ready = Annotated[str | None, typer.Option("--timeout", help="To be ready again; else 3m.", metavar="TIME")]


@options.with_common
def workers_restart(
    common: options.Common,
    names: Names = None,
    dry_run: DryRun = False,
    force: Force = False,
    drain_timeout: Drain = None,
    timeout: Ready = None,
    reason: Why = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Restart workers one after another.

    Each finishes its job first, and is ready again before the next one's turn. Stops at the first that does not come
    back healthy. The containers stay the same ones; a new image needs `lomi deploy apply`. Exit 1 when it stopped, 5
    for an old worker: nobody knows what it holds, 75 when somebody else changes the workers.
    """
    from lomi_ops.cli import workers
    from lomi_ops.domain.member_choice import chosen
    from lomi_ops.domain.restart import plan

    typed = names or []
    with session.opened(common, "redis", changes=not dry_run) as runtime:
        fleet = workers.look(runtime)
        for failure in fleet.failures:
            raise failure
        found = plan(chosen(fleet.members, typed) if typed else fleet.members)
        swarm = _swarm(runtime, fleet)
        order = _order(runtime, drain_timeout, timeout, reason, options.actor(actor))
        if swarm is None:
            _check(found, typed, force=force)
        else:
            _check_swarm(swarm, fleet, typed, order, force=force)
        if dry_run:
            return _show_plan(found, format_)
        began = time.monotonic()
        with _ours(runtime, order.by, shlex.join(["lomi", "workers", "restart", *typed])) as lock:
            done = _roll(runtime, found, order, lock) if swarm is None else _roll_swarm(runtime, swarm, order)
    if format_ is not Format.TEXT:
        body = {"dry_run": False, "workers": [asdict(each) for each in done]}
        output.document(body, schema=SCHEMA, format_=format_)
    else:
        output.text(f"{counted(len(done), 'worker')} restarted in {time.monotonic() - began:.0f} s")
    return 0


def _swarm(runtime: Runtime, fleet: Fleet) -> SwarmService | None:
    """The service, where a Swarm keeps the workers."""
    service = runtime.settings.docker.workers_service
    return fleet.cluster.swarm_service(service) if fleet.cluster and service else None


def _check(found: Plan, names: list[str], *, force: bool) -> None:
    """Raises Refused for what must not be restarted, UsageError where there is nothing to restart."""
    if found.elsewhere:
        listed = ", ".join(each.name for each in found.elsewhere)
        if names or not found.order:
            text = f"in no container of this engine: {listed}; whoever started them restarts them"
            raise Refused(text, hint="lomi workers quiet WORKER, then SIGTERM: it finishes its job first")
        diagnostics.warn(f"left alone, since they run in no container of this engine: {listed}")
    if not found.order:
        raise UsageError("there is no worker to restart", hint="lomi workers list")
    if found.unsafe and not force:
        listed = ", ".join(each.name for each in found.unsafe)
        text = f"nobody knows what these hold: {listed}; a job in their hand would be lost"
        raise Refused(text, hint="lomi queue stats; while nothing waits: lomi workers restart --force")


def _check_swarm(swarm: SwarmService, fleet: Fleet, names: list[str], order: Order, *, force: bool) -> None:
    from lomi_ops.ops.workers.swarm_tasks import require_no_loss

    if names:
        raise Refused("a Swarm restarts all tasks of a service or none", hint="lomi workers restart")
    if not force:
        require_no_loss(swarm, fleet.members, order.grace_s)


@contextmanager
def _ours(runtime: Runtime, by: str, typed: str) -> Iterator[Held]:
    """Nobody else changes the workers meanwhile. Raises LockHeld."""
    from lomi_ops.ops.fleet_lock import held
    from lomi_ops.queue.client import queue_client
    from lomi_ops.queue.fleet import Claimant, FleetLease

    client = queue_client(runtime.settings.redis)
    with closing(client), held(FleetLease(client), Claimant(by, typed, socket.gethostname())) as lock:
        yield lock


def _order(runtime: Runtime, drain: str | None, ready: str | None, reason: str, by: str) -> Order:
    from lomi_ops.ops.workers.restart import Order

    grace_s = runtime.settings.worker.grace_s
    return Order(
        by=by,
        reason=reason,
        grace_s=grace_s,
        drain_s=grace_s if drain is None else options.seconds("--drain-timeout", drain),
        ready_s=READY_S if ready is None else options.seconds("--timeout", ready),
    )


def _roll(runtime: Runtime, found: Plan, order: Order, lock: Held) -> list[Restarted]:
    from lomi_ops.cli import operating, workers
    from lomi_ops.ops.operations import Journal
    from lomi_ops.ops.workers.restart import NotBack, Roller

    done: list[Restarted] = []

    def note(each: Restarted) -> None:
        done.append(each)
        diagnostics.note(f"{each.name} is ready after {each.ready_s:.0f} s")

    journal = Journal(session.database_if_any(runtime), diagnostics.warn)
    roller = Roller(
        runtime.registry, runtime.docker_control, lambda: workers.look(runtime), lock, journal, order, operating.now,
        diagnostics.note,
    )  # fmt: skip
    try:
        roller.roll(found, note)
    except NotBack as failure:
        for line in failure.lines:
            diagnostics.note(f"  | {diagnostics.scrubbed(line)}")
        raise
    finally:
        if len(done) < len(found.order):
            diagnostics.note(f"{len(done)} of {len(found.order)} restarted")
    return done


def _roll_swarm(runtime: Runtime, swarm: SwarmService, order: Order) -> list[Restarted]:
    from lomi_ops.cli import operating
    from lomi_ops.domain.audit import Action, worker_subject
    from lomi_ops.ops.operations import Journal
    from lomi_ops.ops.workers.restart import Restarted
    from lomi_ops.ops.workers.roll_swarm import roll

    journal = Journal(session.database_if_any(runtime), diagnostics.warn)
    journal.note(order.by, Action.RESTART, worker_subject(swarm.full_name), operating.now(), order.reason,
                 before={"tasks": swarm.running})  # fmt: skip
    began = time.monotonic()
    number = roll(runtime.docker_control, swarm, order.ready_s, diagnostics.note)
    ready_s = time.monotonic() - began
    return [Restarted(f"{swarm.full_name}.{each}", 0, 0.0, None, ready_s) for each in range(1, number + 1)]


def _show_plan(found: Plan, format_: Format) -> int:
    rows = [(each.name, each.state.value, len(each.jobs)) for each in found.order]
    if format_ is not Format.TEXT:
        plan: list[dict[str, Any]] = [{"name": name, "state": state, "jobs": jobs} for name, state, jobs in rows]
        output.document({"dry_run": True, "workers": plan}, schema=SCHEMA, format_=format_)
        return 0
    table = [(str(number), name, state, str(jobs)) for number, (name, state, jobs) in enumerate(rows, start=1)]
    output.table(("turn", "worker", "state", "jobs"), table, right=(0, 3), prose=())
    output.text(f"would restart {counted(len(rows), 'worker')} one after another; nothing was changed")
    return 0
