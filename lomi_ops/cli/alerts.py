"""`lomi alerts`: rules, what is firing, who is told, and what people do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import alerts_run, alerts_show, alerts_text, diagnostics, options, output, session
from lomi_ops.cli.alerts_text import RulesFormat
from lomi_ops.cli.output import Format

if TYPE_CHECKING:
    from lomi_ops.ops.alerts.acts import By
    from lomi_ops.runtime import Runtime

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Rules over the cluster's numbers: who is told when, and that they know.",
)

_LONGEST_S = 366 * 86400.0
"""Of a silence."""

Rule = Annotated[str, typer.Argument(help="A rule as `lomi alerts rules` names it, or all.", metavar="RULE")]


@app.command("rules")
@options.with_common
def alerts_rules(
    common: options.Common,
    format_: Annotated[
        RulesFormat, typer.Option("--output", "-o", help="text, json, jsonl or prometheus.")
    ] = RulesFormat.TEXT,
) -> int:
    """List the rules with their numbers now.

    How far each is from its limit, and how it stood at the last look of `lomi alerts run` or `lomi alerts check`. With
    -o prometheus: the same rules for a Prometheus that scrapes lomi's numbers.
    """
    from lomi_ops.config.alerts import rules

    if format_ is RulesFormat.PROMETHEUS:
        from lomi_ops.ops.alerts.prometheus import rendered

        loaded = session.settings(common)
        output.verbatim(rendered(rules(loaded.settings), loaded.settings.profile))
        return 0
    with session.opened(common, "redis", "database", "objects") as runtime, alerts_run.measuring(runtime) as measure:
        database = runtime.database
        measured, known = measure(), alerts_text.known_of(database, diagnostics.warn)
        alerts_text.show_rules(rules(runtime.settings), measured, known, runtime.settings.alerts.gap_s, format_)
    return 0


@app.command("list")
@options.with_common
def alerts_list(
    common: options.Common,
    since: Annotated[
        str | None,
        typer.Option(help="Also those that began since, over or not: 24h, 7d, a date or an ISO time.", metavar="WHEN"),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000, metavar="N")] = 100,
    format_: options.Output = Format.TEXT,
) -> int:
    """List incidents and silences.

    Open ones, who has been told of them, and what nobody wants to hear for a while. Exit 1 while one is firing.
    """
    from lomi_ops.db import alert_deliveries, alerts
    from lomi_ops.domain.window import moment
    from lomi_ops.ops.alerts.runner import require_place

    with session.opened(common, "database") as runtime:
        database = runtime.database
        require_place(database)
        at = database.now()
        found = alerts.incidents(database, since=None if since is None else moment(since, at), limit=limit)
        told = alert_deliveries.of(database, [each.id for each in found])
        held = alerts.silences(database, at=at)
        tracks, run, gap_s = alerts.tracks(database), alerts.run(database), runtime.settings.alerts.gap_s
        return alerts_text.show_list(found, told, held, tracks, run, at, gap_s, format_)


@app.command("ack")
@options.with_common
def alerts_ack(
    common: options.Common,
    number: Annotated[int, typer.Argument(help="An incident, as `lomi alerts list` numbers it.", metavar="ID")],
    until_resolved: Annotated[
        bool, typer.Option("--until-resolved", help="It holds until the incident is over; there is no other way.")
    ] = True,
    reason: Annotated[str, typer.Option(help="What is being done, for the others.", metavar="TEXT")] = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Say that somebody knows: no more repeats.

    Until the incident is over. Its end is told to everybody who heard of it; the next incident of the rule is a new
    one.
    """
    from lomi_ops.ops.alerts import acts

    with session.opened(common, "database", changes=True) as runtime:
        found = acts.acknowledge(runtime.database, number, reason, _by(runtime, actor))
    alerts_text.show_ack(found, format_)
    return 0


@app.command("silence")
@options.with_common
def alerts_silence(
    common: options.Common,
    rule: Rule,
    for_: Annotated[str, typer.Option("--for", help="For so long: 30m, 2h, 1d.", metavar="SPAN")],
    reason: Annotated[str, typer.Option(help="Why, for the others.", metavar="TEXT")],
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Have nobody told of a rule for a while.

    It is judged as ever. What is still firing when the silence ends is told then; who had heard of an incident before
    hears of its end, silence or not.
    """
    from lomi_ops.errors import UsageError
    from lomi_ops.ops.alerts import acts

    for_s = options.seconds("--for", for_)
    if not for_s or not reason.strip():
        text = "a silence needs a span of time" if not for_s else "a silence needs a reason"
        raise UsageError(text, hint="--for 2h --reason 'load test'")
    if for_s > _LONGEST_S:
        raise UsageError("a silence ends within a year", hint="alerts.rules can switch a rule off: enabled: false")
    with session.opened(common, "database", changes=True) as runtime:
        made = acts.silence(runtime.database, rule, for_s, reason.strip(), _by(runtime, actor))
    alerts_text.show_silence(made, format_)
    return 0


@app.command("unsilence")
@options.with_common
def alerts_unsilence(
    common: options.Common, rule: Rule, actor: options.As = None, format_: options.Output = Format.TEXT
) -> int:
    """Lift the silences of a rule before their time."""
    from lomi_ops.db import alerts
    from lomi_ops.ops.alerts import acts

    with session.opened(common, "database", changes=True) as runtime:
        by = _by(runtime, actor)
        lifted, left = acts.unsilence(runtime.database, rule, by), alerts.silences(runtime.database, at=by.at)
    alerts_text.show_unsilence(rule, lifted, left, format_)
    return 0


app.command("show")(alerts_show.alerts_show)
app.command("check")(alerts_run.alerts_check)
app.command("run")(alerts_run.alerts_run)
app.command("test")(alerts_run.alerts_test)


def _by(runtime: Runtime, actor: str | None) -> By:
    from lomi_ops.ops.alerts.acts import By
    from lomi_ops.ops.alerts.runner import require_place
    from lomi_ops.ops.operations import Journal

    require_place(runtime.database)
    return By(options.actor(actor), runtime.database.now(), Journal(runtime.database, diagnostics.warn))
