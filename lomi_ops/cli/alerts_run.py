"""`lomi alerts check`, `run` and `test`: looking, and telling people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import alerts_pass, diagnostics, options, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import LockHeld, UsageError

if TYPE_CHECKING:
    from lomi_ops.domain.measure import Measured
    from lomi_ops.ops.alerts.routes import Route
    from lomi_ops.ops.alerts.runner import Runner
    from lomi_ops.runtime import Runtime

NEEDS = ("redis", "database", "objects")


@options.with_common
def alerts_check(
    common: options.Common,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something has changed.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Look once and tell whoever is to be told, for cron.

    Exit 0 when nothing is firing, 1 when something is, 3 when nothing is and a service did not answer. Where another
    run is at work: one line, and exit 0.
    """
    with session.opened(common, *NEEDS) as runtime, measuring(runtime, once=True) as measure:
        _require_place(runtime)
        try:
            done = _runner(runtime, measure, "lomi alerts check").once()
        except LockHeld as busy:
            return alerts_pass.show_busy(busy, format_, quiet=quiet)
    return alerts_pass.show_pass(done, format_, quiet=quiet)


@options.with_common
def alerts_run(
    common: options.Common,
    format_: options.Output = Format.TEXT,
) -> int:
    """Look again and again and tell whoever is to be told.

    Until SIGTERM or Ctrl-C. Several may run, on several machines: one looks, the others stand by and take over when it
    is gone. One line for each message and each trouble; -o jsonl has every look.
    """
    from lomi_ops.cli.autoscale_text import ended_by_signals
    from lomi_ops.ops.alerts.blind import RULE, Blind
    from lomi_ops.ops.alerts.runner import Service

    if format_ is Format.JSON:
        raise UsageError("a service gives no single document", hint="-o jsonl, or lomi alerts check -o json")
    teller = alerts_pass.Teller(format_)
    with session.opened(common, *NEEDS) as runtime, measuring(runtime) as measure, ended_by_signals() as stop:
        _require_place(runtime)
        runner = _runner(runtime, measure, "lomi alerts run")
        rule = next((each for each in runner.watch.rules if each.slug == RULE), None)
        section = runtime.settings.alerts
        blind = Blind(rule, runner.routes, section.gap_s, runtime.settings.profile, tell=teller.told)
        diagnostics.note(alerts_pass.opening(section, len(runner.watch.rules), len(runner.routes)))
        Service(runner, blind, stop, teller.tell, teller.trouble).run()
    diagnostics.note("alerts stopped; incidents stay as they are")
    return 0


@options.with_common
def alerts_test(
    common: options.Common,
    names: Annotated[list[str] | None, typer.Argument(help="Only these routes.", metavar="ROUTE...")] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Send one marked message to each route.

    Exit 1 when one does not take it. Needs nothing but the settings.
    """
    import uuid

    from lomi_ops.cli.operating import now
    from lomi_ops.ops.alerts.acts import try_routes

    with session.opened(common, changes=True) as runtime:
        routes = _chosen(runtime, names or [])
        tried = try_routes(routes, runtime.settings.profile, clock=now, once=lambda: uuid.uuid4().hex)
        return alerts_pass.show_test(list(tried), format_)


@contextmanager
def measuring(runtime: Runtime, *, once: bool = False) -> Iterator[Callable[[], Measured]]:
    """What looks at the cluster, by connections that do not wait for long. `once`: for one look at what rules need."""
    from contextlib import closing
    from dataclasses import replace

    from lomi_ops.clients.objects import open_store
    from lomi_ops.ops.checks.impatient import impatient
    from lomi_ops.ops.measuring.look import PATIENCE_S, Handles, Measuring, readers
    from lomi_ops.runtime import Runtime

    settings = impatient(runtime.settings)
    with (
        closing(Runtime(replace(runtime.loaded, settings=settings))) as quick,
        closing(open_store(settings.objects, retries=0)) as objects,
    ):
        week_above = _week_above(runtime) if once else None
        handles = Handles(settings, quick.redis, quick.database, objects, quick.faces, week_above)
        looking = Measuring(readers(handles), expected=settings.checks.workers)
        yield lambda: looking.tick(PATIENCE_S)


def _week_above(runtime: Runtime) -> float:
    """The week matters to a rule only where the hour is not well."""
    import math

    from lomi_ops.config.alerts import rules

    return next((rule.clear_at for rule in rules(runtime.settings) if rule.slug == "rejections"), math.inf)


def _require_place(runtime: Runtime) -> None:
    from lomi_ops.ops.alerts.runner import require_place

    require_place(runtime.database)


def _chosen(runtime: Runtime, names: list[str]) -> tuple[Route, ...]:
    from lomi_ops.ops.alerts.routes import routes_of

    routes = routes_of(runtime.settings.alerts)
    if not routes:
        raise UsageError("no route is configured", hint="docs/alerts.md; then lomi config show --origin")
    unknown = [name for name in names if name not in {each.name for each in routes}]
    if unknown:
        raise UsageError(f"there is no route {unknown[0]!r}", hint=", ".join(each.name for each in routes))
    return tuple(each for each in routes if not names or each.name in names)


def _runner(runtime: Runtime, measure: Callable[[], Measured], what: str) -> Runner:
    import os
    import socket
    import uuid

    from lomi_ops.config.alerts import rules
    from lomi_ops.ops.alerts.look import Watch
    from lomi_ops.ops.alerts.routes import routes_of
    from lomi_ops.ops.alerts.runner import Runner

    section, profile = runtime.settings.alerts, runtime.settings.profile
    routes, found = routes_of(section), rules(runtime.settings)
    watch = Watch(runtime.database, found, routes, section.repeat_s, section.gap_s, profile)
    holder = f"{what} on {socket.gethostname()}, process {os.getpid()}"
    return Runner(runtime.database, watch, measure, routes, section, uuid.uuid4(), holder)
