"""`lomi autoscale`: adding and taking workers by what the queue needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import autoscale_text, diagnostics, options, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.config.schema import Settings
    from lomi_ops.ops.autoscale.acting import ByScaling
    from lomi_ops.ops.autoscale.run import Autoscaler, Look
    from lomi_ops.queue.fleet import Claimant, FleetLease
    from lomi_ops.runtime import Runtime

BY = "autoscale"
"""Who acts where nobody is named: it runs on its own."""


@options.with_common
def autoscale(
    common: options.Common,
    least: Annotated[
        int | None, typer.Option("--min", help="Workers at least; else autoscale.min.", min=1, metavar="N")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", help="Workers at most; else autoscale.max.", min=1, metavar="N")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One look and its step, for cron.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done now.")] = False,
    enforce: Annotated[
        bool, typer.Option("--enforce", help="Bring back a number outside of min and max, whoever set it.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="With --once: say nothing while all is well.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Show the journal, the latest first.")] = False,
    limit: Annotated[int, typer.Option(help="Of the journal, at most so many.", min=1, max=1000, metavar="N")] = 20,
    actor: Annotated[
        str | None, typer.Option("--as", help="Who does it; else LOMI_ACTOR, else autoscale.", metavar="NAME")
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Add and take workers by what the queue needs.

    Runs until it is stopped, or takes one look with --once; docs/autoscale.md has the rule. Only one autoscaler runs
    for a queue: exit 75 where another one does. Exit 3 where the numbers are stale or cannot be had; then nothing is
    changed.
    """
    if history:
        return _history(common, limit, format_)
    overrides: dict[str, object] = {}
    if least is not None:
        overrides["autoscale.min"] = least
    if most is not None:
        overrides["autoscale.max"] = most
    with session.opened(common, "redis", overrides=overrides, changes=not dry_run) as runtime:
        if dry_run:
            return _tell(_autoscaler(runtime, actor, enforce).preview(), format_)
        if once:
            return _once(runtime, actor, enforce, format_, quiet=quiet)
        return _serve(runtime, actor, enforce, format_)


def _history(common: options.Common, limit: int, format_: Format) -> int:
    from lomi_ops.domain.autoscale_words import entry_of
    from lomi_ops.queue.autoscale import AutoscaleNotes

    with session.opened(common, "redis") as runtime:
        records = AutoscaleNotes(runtime.redis, runtime.queue.keys).entries(limit)
    autoscale_text.show_history([entry for record in records if (entry := entry_of(record))], format_)
    return 0


def _once(runtime: Runtime, actor: str | None, enforce: bool, format_: Format, *, quiet: bool) -> int:
    from lomi_ops.ops.fleet_lock import held

    autoscaler = _autoscaler(runtime, actor, enforce)
    with held(_lease(runtime), _claimant(autoscaler.by, "lomi autoscale --once")) as ours:
        look = autoscaler.once(ours.token)
    return _tell(look, format_, quiet=quiet)


def _serve(runtime: Runtime, actor: str | None, enforce: bool, format_: Format) -> int:
    from lomi_ops.ops.autoscale.service import Service

    if format_ is Format.JSON:
        raise UsageError("a service gives no single document", hint="-o jsonl, or --once")
    section, autoscaler = runtime.settings.autoscale, _autoscaler(runtime, actor, enforce)
    teller = autoscale_text.Teller(format_)
    with autoscale_text.ended_by_signals() as stop:
        service = Service(
            autoscaler=autoscaler,
            lease=_lease(runtime),
            claimant=_claimant(autoscaler.by, "lomi autoscale"),
            every_s=section.every_s,
            stop=stop,
            tell=teller.tell,
            trouble=teller.trouble,
        )
        diagnostics.note(autoscale_text.opening(section, _service(runtime.settings)))
        service.run()
    diagnostics.note("autoscale stopped; the number of workers stays as it is")
    return 0


def _tell(look: Look, format_: Format, *, quiet: bool = False) -> int:
    autoscale_text.show(look, format_, quiet=quiet)
    if look.failure is not None:
        diagnostics.error(look.failure)
        return int(look.failure.exit_code)
    return int(autoscale_text.exit_code(look))


def _autoscaler(runtime: Runtime, actor: str | None, enforce: bool) -> Autoscaler:
    import os

    from lomi_ops.ops.autoscale import observe
    from lomi_ops.ops.autoscale.audit import recorder
    from lomi_ops.ops.autoscale.run import Autoscaler
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.operations import Journal
    from lomi_ops.queue.autoscale import AutoscaleNotes

    settings = runtime.settings
    service = _service(settings)
    by = options.actor(actor) if actor or os.environ.get("LOMI_ACTOR") else BY
    database = session.database_if_any(runtime)
    handles = observe.Handles(
        client=runtime.redis,
        queue=runtime.queue,
        registry=runtime.registry,
        docker=Look(runtime.docker),
        database=database,
        service=service,
        lease_s=settings.worker.lease_s,
    )
    return Autoscaler(
        look=lambda past: observe.look(handles, past),
        scaler=_scaler(runtime, service, by),
        notes=AutoscaleNotes(runtime.redis, runtime.queue.keys),
        rules=settings.autoscale.to_rules(),
        by=by,
        audit=recorder(Journal(database, diagnostics.warn), service) if database else lambda told: None,
        enforce=enforce,
    )


def _scaler(runtime: Runtime, service: str, by: str) -> ByScaling:
    import os
    import socket

    from lomi_ops.cli.operating import now
    from lomi_ops.ops.autoscale.acting import ByScaling
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.operations import Journal
    from lomi_ops.ops.scale.order import Handles
    from lomi_ops.ops.workers.look import members
    from lomi_ops.queue.fleet import FleetLease

    lease_s = runtime.settings.worker.lease_s
    handles = Handles(
        control=runtime.docker_control,
        registry=runtime.registry,
        look=lambda: members(runtime.registry, Look(runtime.docker), service, lease_s),
        journal=Journal(session.database_if_any(runtime), lambda text: None),
        wall=now,
        tell=diagnostics.note,
    )
    return ByScaling(
        at=handles,
        lease=FleetLease(runtime.redis, runtime.queue.keys),
        host=socket.gethostname(),
        service=service,
        by=by,
        grace_s=runtime.settings.worker.grace_s,
        environ=os.environ,
    )


def _service(settings: Settings) -> str:
    from lomi_ops.errors import ConfigError

    if not settings.docker.workers_service:
        text = "docker.workers_service is empty: there are no containers of workers to add or take"
        raise ConfigError(text, hint="LOMI_DOCKER__WORKERS_SERVICE=moderator-worker")
    return settings.docker.workers_service


def _lease(runtime: Runtime) -> FleetLease:
    from lomi_ops.queue.fleet import FleetLease

    keys = runtime.queue.keys
    return FleetLease(runtime.redis, keys, at=keys.autoscale_lease)


def _claimant(by: str, what: str) -> Claimant:
    import socket

    from lomi_ops.queue.fleet import Claimant

    return Claimant(by, what, socket.gethostname())
