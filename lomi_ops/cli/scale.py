"""`lomi scale`: so many workers, all of them ready, and none of their jobs lost."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import asking, diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, Refused

if TYPE_CHECKING:
    from lomi_ops.clients.containers import Engine
    from lomi_ops.ops.scale.order import Handles, Order
    from lomi_ops.ops.scale.scaling import Proposal, Scaled
    from lomi_ops.runtime import Runtime

Service = Annotated[
    str | None, typer.Option("--service", help="Service of the workers; else docker.workers_service.", metavar="NAME")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Force = Annotated[bool, typer.Option("--force", help="Also where memory is short, or an old worker's job may be lost.")]
Keep = Annotated[bool, typer.Option("--keep", help="New workers that do not start stay, to be looked at.")]
Timeout = Annotated[
    str, typer.Option(help="So long new ones may load, and leaving ones may finish: 90s, 5m.", metavar="TIME")
]


@options.with_common
def scale(
    common: options.Common,
    number: Annotated[int, typer.Argument(help="How many workers there shall be.", metavar="N")],
    service: Service = None,
    dry_run: DryRun = False,
    timeout: Timeout = "3m",
    force: Force = False,
    keep: Keep = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the last worker stops.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit.", metavar="TEXT")] = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Start or drain workers until there are N.

    Waits until all are ready. Finds the Compose project or the Swarm service of the workers. New containers are like
    the others; of those that leave, idle ones go first and each finishes its job. The number is written where Compose
    reads it, or the command that keeps it is told. Exit 1 when a worker does not start, 3 when time is up, 5 when a
    guard refuses, 75 when somebody else changes the workers.
    """
    from lomi_ops.ops.scale.prepare import check_number

    check_number(number)
    with session.opened(common, "redis", changes=not dry_run) as runtime:
        if runtime.loaded.stack is not None and not runtime.docker.named:
            text = "the workers of a local stack are processes, and run in no container"
            raise Refused(text, hint=f"lomi up --workers {number}")
        engine, name = _engine(runtime, service)
        order = _order(runtime, number, timeout, reason, options.actor(actor), force=force, keep=keep)
        handles = _handles(runtime, engine, name)
        if dry_run or number == 0:
            from lomi_ops.ops.scale import scaling

            proposal = scaling.propose(handles, name, order, os.environ)
            if dry_run:
                return _show_plan(proposal, format_)
            _ask(proposal, yes=yes)
        with _Interruptible(number):
            found = _scale(runtime, handles, name, order)
    return _show(found, format_)


def _engine(runtime: Runtime, service: str | None) -> tuple[Engine, str]:
    """The engine that looks at this service, and its name. Raises NotFound with the nearest one, Refused for services
    that are no workers."""
    section = runtime.settings.docker
    wanted = service or section.workers_service or "moderator-worker"
    if wanted == section.workers_service:
        return runtime.docker, wanted
    others = [name for name in section.services if name != section.workers_service]
    if wanted in others:
        text = f"{wanted} is no service of workers: two of it are not twice as much"
        raise Refused(text, hint=f"docker-compose up -d --scale {wanted}=2, if it is made for that")
    from lomi_ops.clients.containers import Engine
    from lomi_ops.ops.scale import prepare

    cluster = runtime.docker.cluster()
    prepare.require_service(runtime.docker, cluster, wanted)
    narrowed = section.model_copy(update={"workers_service": wanted, "project": cluster.project or None})
    engine = Engine(narrowed, os.environ)
    runtime.closing(engine.close)
    return engine, wanted


def _order(runtime: Runtime, number: int, timeout: str, reason: str, by: str, *, force: bool, keep: bool) -> Order:
    from lomi_ops.ops.scale.order import Order

    return Order(
        target=number,
        by=by,
        grace_s=runtime.settings.worker.grace_s,
        reason=reason,
        patience_s=options.seconds("--timeout", timeout),
        force=force,
        keep=keep,
    )


def _handles(runtime: Runtime, engine: Engine, service: str) -> Handles:
    from lomi_ops.cli.operating import now
    from lomi_ops.clients.containers import Control
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.operations import Journal
    from lomi_ops.ops.scale.order import Handles
    from lomi_ops.ops.workers.look import members

    lease_s = runtime.settings.worker.lease_s
    return Handles(
        control=Control(engine),
        registry=runtime.registry,
        look=lambda: members(runtime.registry, Look(engine), service, lease_s),
        journal=Journal(session.database_if_any(runtime), diagnostics.warn),
        wall=now,
        tell=diagnostics.note,
    )


def _scale(runtime: Runtime, handles: Handles, service: str, order: Order) -> Scaled:
    from lomi_ops.ops.scale import scaling
    from lomi_ops.queue.fleet import Claimant, FleetLease

    claimant = Claimant(order.by, f"lomi scale {order.target}", socket.gethostname())
    return scaling.scale(handles, FleetLease(runtime.redis), claimant, service, order, os.environ)


def _ask(proposal: Proposal, *, yes: bool) -> None:
    """Raises Refused where nobody agrees that the last worker stops."""
    if yes or proposal.now == 0:
        return
    text = f"{proposal.service}: {proposal.now} to 0; photos will wait until there are workers again"
    if not asking.somebody():
        raise Refused(f"{text}; nobody is here to be asked", hint="lomi scale 0 --yes")
    diagnostics.note(text)
    if not asking.typed(f"type {proposal.service} to stop them all", proposal.service):
        raise Refused("nothing was changed", hint="lomi scale 1, to keep one")


class _Interruptible:
    """Tells how to go on when somebody stops us in the middle."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit):
            diagnostics.note("stopped in the middle; what was started goes on, and what was quiet takes jobs again")
            diagnostics.hint(f"lomi workers list, or again: lomi scale {self._number}")


def _show_plan(proposal: Proposal, format_: Format) -> int:
    from lomi_ops.cli import scale_text

    if format_ is Format.TEXT:
        scale_text.show_plan(proposal)
    else:
        output.document(scale_text.plan_record(proposal), schema="lomi.scale/v1", format_=format_)
    return int(ExitCode.OK)


def _show(found: Scaled, format_: Format) -> int:
    from lomi_ops.cli import scale_text

    if format_ is Format.TEXT:
        scale_text.show(found)
    else:
        output.document(scale_text.record(found), schema="lomi.scale/v1", format_=format_)
    outcome = found.outcome
    if outcome.failed or outcome.unclean:
        return int(ExitCode.BAD)
    return int(ExitCode.UNKNOWN if outcome.late or outcome.unknown else ExitCode.OK)
