"""`lomi deploy plan|apply|back`: a new version on a running cluster, and the one from before."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import deploy_handles, deploy_text, diagnostics, options, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, LomiError, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.clients.containers.compose_program import ComposeProgram
    from lomi_ops.domain.rollout import Source, Standing
    from lomi_ops.ops.deploy.order import Order
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
        found, compose = deploy_handles.found(runtime, services, _here(no_fetch))
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
        found, compose = deploy_handles.found(runtime, services, _here(no_fetch))
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
        found, compose = deploy_handles.found(runtime, services, Source.BACK)
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
    with deploy_handles.opened(runtime, compose, order, typed) as at:
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
                diagnostics.hint(f"{_onward(found, typed)}, to go on; or: {deploy.way_back()}")
            raise
    deploy_text.show(deploy.outcome, found, format_)
    return int(ExitCode.OK)


def _onward(found: Sequence[Standing], typed: str) -> str:
    """Going back a second time leads forward: what is left of it is a deploy of what the names lead to by now."""
    from lomi_ops.domain.rollout import Source

    if all(each.source is not Source.BACK for each in found):
        return typed
    words = _typed("apply", [each.service for each in found])
    return f"{words} --no-fetch --skip-check 'the way back'"
