"""`lomi policy`: the thresholds by which photos are judged, and what others would change."""

from __future__ import annotations

from typing import Annotated

import typer

from lomi_ops.cli import options, session
from lomi_ops.cli.output import Format
from lomi_ops.cli.report_formats import ReportFormat
from lomi_ops.errors import ExitCode

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The thresholds by which photos are judged.")

Window = Annotated[str | None, typer.Option(help="Of the decisions: 30d, yesterday, A..B (UTC).", metavar="WINDOW")]


@app.command("list")
@options.with_common
def policy_list(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """List the policies there are, and which one holds.

    With the digest of their content: two policies with one digest judge alike.
    """
    from lomi_ops.cli import policy_activation, policy_text
    from lomi_ops.ops.policies import listing

    with session.opened(common) as runtime:
        holds = policy_activation.standing(runtime)
        policy_text.show_list(listing.listed(runtime.settings, holds.regime.policies), holds, format_)
    return int(ExitCode.OK)


@app.command("show")
@options.with_common
def policy_show(
    common: options.Common,
    name: Annotated[str | None, typer.Argument(help="The active one if left out.", metavar="POLICY")] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show what a policy approves, rejects and leaves open."""
    from lomi_ops.cli import policy_text
    from lomi_ops.ops.policies import listing

    policy_text.show(listing.named(session.settings(common).settings, name), format_)
    return int(ExitCode.OK)


@app.command("validate")
@options.with_common
def policy_validate(
    common: options.Common,
    names: Annotated[list[str] | None, typer.Argument(help="All of them if empty.", metavar="POLICY")] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Say what is wrong or doubtful about policies.

    Exit 1 where no worker of this configuration could approve by one that is active or named. Thresholds that
    contradict each other are refused with the configuration (exit 2).
    """
    from lomi_ops.cli import policy_text
    from lomi_ops.ops.policies import listing

    found = listing.validated(session.settings(common).settings, names or ())
    policy_text.show_validity(found, format_)
    return int(ExitCode.BAD if any(each.faults for each in found) else ExitCode.OK)


@app.command("diff")
@options.with_common
def policy_diff(
    common: options.Common,
    first: Annotated[str, typer.Argument(help="One policy.", metavar="POLICY")],
    second: Annotated[str, typer.Argument(help="Another one.", metavar="POLICY")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show two policies side by side where they differ.

    And whether the second one is stricter or looser there.
    """
    from lomi_ops.cli import policy_text
    from lomi_ops.ops.policies import listing

    settings = session.settings(common).settings
    policy_text.show_diff(listing.named(settings, first), listing.named(settings, second), format_)
    return int(ExitCode.OK)


@app.command("verify")
@options.with_common
def policy_verify(
    common: options.Common,
    window: Window = None,
    limit: Annotated[int, typer.Option(help="Name at most so many that differ.", min=1, metavar="N")] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """Judge stored findings again by their stored policies.

    The same verdicts must come of it. No photo is read and nothing is changed. Exit 1 where one differs, 3 where one
    could not be judged again, since its policy was not stored or its row cannot be read.
    """
    from datetime import UTC, datetime

    from lomi_ops.cli import policy_text
    from lomi_ops.cli.progress import bar
    from lomi_ops.domain.window import parse
    from lomi_ops.ops.policies import verify

    if window is not None:
        parse(window, datetime.now(UTC))  # a mistake is told before anybody is asked; the window is the server's
    with session.opened(common, "database") as runtime:
        wanted = None if window is None else parse(window, runtime.replica.now())
        with bar("judging", None) as tell:
            found = verify.verified(runtime.replica, wanted, limit, lambda done: tell(done, "judging again"))
    policy_text.show_verified(found, wanted, format_)
    return int(found.exit_code)


@app.command("activate")
@options.with_common
def policy_activate(
    common: options.Common,
    name: Annotated[str, typer.Argument(help="The policy that is to hold.", metavar="POLICY")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.", metavar="TEXT")],
    arm: Annotated[
        list[str] | None,
        typer.Option("--arm", help="Judge this share of the users by another policy.", metavar="POLICY=SHARE"),
    ] = None,
    shadow: Annotated[
        list[str] | None,
        typer.Option("--shadow", help="Ask this one, too, and note what it would say.", metavar="POLICY"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do, and what is missing.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Judge by this policy from now on.

    Running workers take it within seconds, whatever their configuration names. The whole policy is kept in Postgres, as
    it is in the configuration here. Refused while a worker is at work that lacks an engine which the policy needs.
    With --arm users are divided by a stable hash; no arm approves what another one rejects for nudity.
    """
    from lomi_ops.cli import policy_activation

    wanted = policy_activation.Wanted(name, tuple(arm or ()), tuple(shadow or ()), reason, dry_run)
    return policy_activation.activate(common, wanted, options.actor(actor), format_)


@app.command("rollback")
@options.with_common
def policy_rollback(
    common: options.Common,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.", metavar="TEXT")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would hold.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Go back to what held before the latest activation.

    To the one before that with the next rollback, and in the end to what the workers' configurations name.
    """
    from lomi_ops.cli import policy_activation

    return policy_activation.roll_back(common, reason, dry_run, options.actor(actor), format_)


@app.command("history")
@options.with_common
def policy_history(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """List what was activated, by whom and why."""
    from lomi_ops.cli import policy_activation

    return policy_activation.history(common, format_)


@app.command("compare")
@options.with_common
def policy_compare(
    common: options.Common,
    window: Annotated[str, typer.Option(help="Of the decisions: 7d, yesterday, A..B (UTC).", metavar="WINDOW")] = "7d",
    limit: Annotated[int, typer.Option(help="Name at most so many photos.", min=0, max=10_000, metavar="N")] = 20,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", help="Exit 1 if a figure is so, e.g. 'agree_share<0.98'.", metavar="CONDITION"),
    ] = None,
    format_: Annotated[ReportFormat, typer.Option("--output", "-o", help="How it is written.")] = ReportFormat.TEXT,
) -> int:
    """Set shadows and arms side by side with what held.

    How often shadow policies agreed, where they said something else, with examples; of the arms of an experiment their
    outcomes and what people changed of them, with intervals.
    """
    from lomi_ops.cli.policy_simulate import compare
    from lomi_ops.domain.bound import parse

    bounds = tuple(bound for each in fail_if or () for bound in parse(each))
    return compare(common, window, limit, bounds, format_)


@app.command("simulate")
@options.with_common
def policy_simulate(
    common: options.Common,
    name: Annotated[str, typer.Argument(help="The policy to try.", metavar="POLICY")],
    window: Annotated[
        str, typer.Option(help="Of the decisions: 30d, yesterday, A..B (UTC).", metavar="WINDOW")
    ] = "30d",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Try it with this changed, e.g. nsfw.porn.reject_at=0.7.", metavar="SETTING=VALUE"),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="Also count for 101 places of one threshold.", metavar="SETTING[=FROM..TO]"),
    ] = None,
    limit: Annotated[int, typer.Option(help="Name at most so many photos.", min=0, max=10_000, metavar="N")] = 50,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", help="Exit 1 if a figure is so, e.g. 'changed_share>0.02'.", metavar="CONDITION"),
    ] = None,
    format_: Annotated[ReportFormat, typer.Option("--output", "-o", help="How it is written.")] = ReportFormat.TEXT,
) -> int:
    """Say what a policy would have made of past photos.

    Judges the stored findings again: no photo is read, nothing is changed. What would become of what, by which reason,
    how many a day would wait for a person, how often it would be right as far as people have judged, and the photos
    that would be affected most. What no engine was asked about is not known, and never counts as approved.
    """
    from lomi_ops.cli.policy_simulate import Wanted, run
    from lomi_ops.domain.bound import parse
    from lomi_ops.ops.policies import sweep as sweeps

    bounds = tuple(bound for each in fail_if or () for bound in parse(each))
    line = None if sweep is None else sweeps.parse(sweep)
    return run(common, Wanted(name, window, tuple(change or ()), line, limit, bounds, format_))
