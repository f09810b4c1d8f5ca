"""`lomi deploy plan|apply|back`: a new version on a running cluster, and the one from before."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import deploy_text, diagnostics, options, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ConfigError, ExitCode, LomiError, NotFound, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.clients.containers.compose_program import ComposeProgram
    from lomi_ops.domain.check import CheckResult, Scope
    from lomi_ops.domain.container import Cluster
    from lomi_ops.domain.rollout import Source, Standing
    from lomi_ops.ops.deploy.order import Handles, Order
    from lomi_ops.ops.workers.look import Fleet
    from lomi_ops.runtime import Runtime

READY_S = 180.0
"""A container may take so long until it works."""

Services = Annotated[
    list[str] | None, typer.Option("--service", help="Which ones; else backend and workers.", metavar="NAME")
]
NoFetch = Annotated[bool, typer.Option("--no-fetch", help="Take the images that are here: no build, no pull.")]
Force = Annotated[bool, typer.Option("--force", help="Old workers, too: the job in their hand is lost.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")]
Drain = Annotated[
    str | None, typer.Option("--drain-timeout", help="To finish a job; else worker.grace_s.", metavar="TIME")
]
Limit = Annotated[str | None, typer.Option("--timeout", help="Until a new container works; else 3m.", metavar="TIME")]
Why = Annotated[str, typer.Option(help="Why, for the audit.", metavar="TEXT")]


@options.with_common
def plan(
    common: options.Common,
    services: Services = None,
    no_fetch: NoFetch = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show what a deploy would do, step by step.

    With the command that each step stands for. Nothing is changed: images are neither built nor pulled, so whether they
    are new only `lomi deploy apply` finds out.
    """
    with session.opened(common, *session.ALL) as runtime:
        found, compose = _found(runtime, services, _here(no_fetch))
        deploy_text.show_plan(found, compose, runtime.settings.worker.grace_s, format_)
    return int(ExitCode.OK)


@options.with_common
def apply(
    common: options.Common,
    services: Services = None,
    no_fetch: NoFetch = False,
    skip_check: Annotated[
        str, typer.Option("--skip-check", help="Leave out the check before it; why.", metavar="REASON")
    ] = "",
    drain_timeout: Drain = None,
    timeout: Limit = None,
    force: Force = False,
    dry_run: DryRun = False,
    reason: Why = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Put a new version on the cluster.

    Checks, builds or pulls the images, has Compose make the backend anew, replaces the workers one after another, each
    when it holds no job, and checks again. Stops at the first thing that fails, and says who runs what and how to go
    back. Run it again to go on. Exit 1 when it stopped, 5 for an old worker: nobody knows what it holds, 75 when
    somebody else changes the workers.
    """
    with session.opened(common, *session.ALL, changes=not dry_run) as runtime:
        found, compose = _found(runtime, services, _here(no_fetch))
        if dry_run:
            deploy_text.show_plan(found, compose, runtime.settings.worker.grace_s, format_, skip_check=bool(skip_check))
            return int(ExitCode.OK)
        order = _order(runtime, reason, actor, drain_timeout, timeout)
        order = replace(order, skip_check=skip_check, force=force)
        return _run(runtime, found, compose, order, _typed("apply", services), format_)


@options.with_common
def back(
    common: options.Common,
    services: Services = None,
    drain_timeout: Drain = None,
    timeout: Limit = None,
    force: Force = False,
    dry_run: DryRun = False,
    reason: Why = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Go back to the images from before the last deploy.

    Of the services for which one is kept. What they run now is kept in its place, so that a second time leads forward
    again. Nothing is checked before: whoever goes back has a reason.
    """
    from lomi_ops.domain.rollout import Source

    with session.opened(common, *session.ALL, changes=not dry_run) as runtime:
        found, compose = _found(runtime, services, Source.BACK)
        if not services:
            found = tuple(each for each in found if each.kept or each.swarm)
        if not found:
            raise NotFound(
                "no image from before is kept: `lomi deploy apply` has not changed one yet", hint="docker images"
            )
        if dry_run:
            deploy_text.show_plan(found, compose, runtime.settings.worker.grace_s, format_, skip_check=True)
            return int(ExitCode.OK)
        order = _order(runtime, reason, actor, drain_timeout, timeout)
        order = replace(order, skip_check="the way back", force=force)
        return _run(runtime, found, compose, order, _typed("back", services), format_)


def _here(no_fetch: bool) -> Source | None:
    from lomi_ops.domain.rollout import Source

    return Source.HERE if no_fetch else None


def _typed(verb: str, services: Sequence[str] | None) -> str:
    return shlex.join(["lomi", "deploy", verb, *(word for name in services or () for word in ("--service", name))])


def _order(runtime: Runtime, reason: str, actor: str | None, drain: str | None, ready: str | None) -> Order:
    from lomi_ops.ops.deploy.order import Order

    grace_s = runtime.settings.worker.grace_s
    return Order(
        by=options.actor(actor),
        reason=reason,
        grace_s=grace_s,
        drain_s=grace_s if drain is None else options.seconds("--drain-timeout", drain),
        ready_s=READY_S if ready is None else options.seconds("--timeout", ready),
    )


def _found(
    runtime: Runtime, services: Sequence[str] | None, source: Source | None
) -> tuple[tuple[Standing, ...], ComposeProgram | None]:
    """The services as they stand, backend before workers, and Compose with the files of their project."""
    from lomi_ops.clients.containers.images import Images
    from lomi_ops.clients.containers.updates import Updates
    from lomi_ops.ops.deploy.facts import standings

    section = runtime.settings.docker
    cluster = runtime.docker.cluster()
    if cluster.empty:
        raise NotFound("this engine runs no container of the cluster", hint="docker ps -a; lomi deploy render compose")
    named = list(dict.fromkeys(services or ())) or [
        name for name in (section.backend_service, section.workers_service) if name and cluster.has(name)
    ]
    if not named:
        raise UsageError("neither a backend nor workers run in containers here", hint="--service NAME")
    compose = _compose(runtime, cluster)
    found = standings(
        cluster, named, section.workers_service or "", Images(runtime.docker), Updates(runtime.docker), compose, source
    )
    return found, compose


def _compose(runtime: Runtime, cluster: Cluster) -> ComposeProgram | None:
    """None where the project's files, or the program, are not here."""
    import os

    from lomi_ops.clients.containers.compose_program import ComposeProgram, Project

    if all(cluster.swarm_service(each.service) for each in cluster.containers):
        return None
    old = any(each.name.startswith(f"{cluster.project}_") for each in cluster.containers)
    files = cluster.compose
    if not files.env_files and runtime.loaded.env_file:
        files = replace(files, env_files=(str(runtime.loaded.env_file),))
    try:
        return ComposeProgram(Project(cluster.project, files, old), runtime.docker.place, os.environ)
    except NotFound as absent:
        diagnostics.warn(absent.message)
        return None


def _run(
    runtime: Runtime,
    found: tuple[Standing, ...],
    compose: ComposeProgram | None,
    order: Order,
    typed: str,
    format_: Format,
) -> int:
    from lomi_ops.domain.rollout import Source
    from lomi_ops.ops.deploy.order import Stopped
    from lomi_ops.ops.deploy.run import Deploy

    if compose is None and any(each.source is Source.BUILD for each in found):
        raise Refused("a build needs the project's Compose file", hint="run lomi where it is, or: --no-fetch")
    with _handles(runtime, compose, order, typed) as at:
        deploy = Deploy(at, order, found)
        try:
            deploy.run()
        except Stopped as failure:
            deploy_text.show_stop(failure)
            deploy_text.show(deploy.outcome, found, format_, failed=failure.message)
            raise
        except LomiError as failure:
            deploy_text.show(deploy.outcome, found, format_, failed=failure.message)
            raise
        except (KeyboardInterrupt, SystemExit):
            diagnostics.note("stopped in the middle")
            if deploy.outcome.changed:
                diagnostics.hint(f"{typed}, to go on; or: {deploy.way_back()}")
            raise
    deploy_text.show(deploy.outcome, found, format_)
    return int(ExitCode.OK)


@contextmanager
def _handles(runtime: Runtime, compose: ComposeProgram | None, order: Order, typed: str) -> Iterator[Handles]:
    from lomi_ops.cli import operating
    from lomi_ops.clients.containers.images import Images
    from lomi_ops.clients.containers.updates import Updates
    from lomi_ops.ops.deploy.order import Handles
    from lomi_ops.ops.fleet_lock import held
    from lomi_ops.ops.operations import Journal
    from lomi_ops.queue.client import queue_client
    from lomi_ops.queue.fleet import Claimant, FleetLease

    # The lease is renewed while the other connection waits.
    client = queue_client(runtime.settings.redis)
    claimant = Claimant(order.by, typed, socket.gethostname())
    try:
        with held(FleetLease(client), claimant) as lock:
            yield Handles(
                control=runtime.docker_control,
                images=Images(runtime.docker),
                updates=Updates(runtime.docker),
                compose=compose,
                registry=runtime.registry,
                look=lambda: _look(runtime),
                cluster=runtime.docker.cluster,
                check=lambda scope: _checked(runtime, scope),
                held=lock,
                journal=Journal(session.database_if_any(runtime), diagnostics.warn),
                wall=operating.now,
                tell=lambda text: diagnostics.note(diagnostics.scrubbed(text)),
                chatter=_chatter,
            )
    finally:
        client.close()


def _chatter(line: str) -> None:
    if line:
        diagnostics.note(f"  | {diagnostics.scrubbed(line)}")


def _look(runtime: Runtime) -> Fleet:
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.workers.look import members

    settings = runtime.settings
    return members(runtime.registry, Look(runtime.docker), settings.docker.workers_service, settings.worker.lease_s)


def _checked(runtime: Runtime, scope: Scope) -> Sequence[CheckResult]:
    from datetime import UTC, datetime

    from lomi_ops.cli import check_run
    from lomi_ops.config.suppressions import read_suppressions
    from lomi_ops.domain.suppression import suppress
    from lomi_ops.ops.deploy.checking import checked

    path = runtime.settings.checks.suppressions
    try:
        known = read_suppressions(path) if path else ()
    except ConfigError as problem:
        diagnostics.warn(problem.message)
        known = ()
    today = datetime.now(UTC).date()
    with check_run.opened(runtime) as handles:
        return checked(handles, scope, lambda results: suppress(results, known, today))
